"""`report.html`: the decision as one self-contained page, no network, dark and light.

The templates escape everything; nothing here builds HTML. Plots are SVG made from the decision, so that every mark can
be pointed at and stepped to; the tables hold the same numbers.
"""

from collections.abc import Mapping
from dataclasses import fields
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ace.domain.decision import ESTIMAND, Decision
from ace.report import comparisons, explaining, heat, large, plots, raw, trace, transferring
from ace.report.wording import (
    AXES,
    MEANING,
    REGIME_MEANING,
    ROOFLINE,
    axes_lines,
    calibration,
    fired,
    gain_text,
    headline,
    quality_text,
    roofline_text,
    tuning_text,
)

TEMPLATE = "report.html"


def page(decision: Decision, pictures: Mapping[str, bytes]) -> str:
    """HTML text, with the digests of the pictures that lie beside it: another picture is not this decision's."""
    engine = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    quiet = [row for row in trace.rows(decision.findings) if row.outcome != "FAIL"]
    listed, doubts = large.sampled(decision), fired(decision)
    return engine.get_template(TEMPLATE).render(
        decision=decision,
        listed=listed,
        large=large,
        meaning=MEANING[decision.verdict],
        headline=headline(decision),
        calibration=calibration(decision),
        estimand=ESTIMAND,
        gates=trace.rows(decision.gates),
        fired=large.of_each(doubts, decision),
        fired_in_all=len(doubts),
        quiet=quiet,
        regimes=REGIME_MEANING,
        splits=list(dict.fromkeys(cell.split for cell in decision.cells)),
        gain_text=gain_text,
        quality_text=quality_text,
        roofline=ROOFLINE,
        beside=comparisons.tables(listed),
        tuning=tuning_text(decision),
        axes=axes_lines(decision),
        axes_heading=AXES,
        roofline_text=roofline_text,
        scopes=[(f.name, getattr(decision.claims, f.name)) for f in fields(decision.claims)],
        policy=[(f.name, getattr(decision.policy, f.name)) for f in fields(decision.policy)],
        pictures=[(name, sha256(content).hexdigest()) for name, content in sorted(pictures.items())],
        **_mapped(decision, listed),
        **_travelled(listed),
        **_raw(decision, listed),
    )


def _mapped(decision: Decision, listed: Decision) -> dict[str, object]:
    """What `report_map.html` shows, and the heat map. `listed`: the same with those cells that are listed."""
    return {
        "heat": [*heat.heat_plots(decision), *heat.power_plots(decision)],
        "small_box": heat.SMALL_BOX,
        "envelope": decision.envelope.admitted,
        "edges": large.lines(explaining.edge_lines(decision), decision),
        "gains": plots.gain_plots(decision),
        "next_lines": explaining.next_lines(decision),
        "models": explaining.model_lines(decision),
        "explained": explaining.EXPLAINED,
        "mechanism_head": explaining.MECHANISM_HEAD,
        "mechanism": explaining.mechanism_rows(listed),
    }


def _travelled(decision: Decision) -> dict[str, object]:
    """What `report_transfer.html` shows."""
    return {
        "transfers": transferring.transfer_rows(decision),
        "transfer_head": transferring.TRANSFER_HEAD,
        "one_split": transferring.ONE_SPLIT,
        "shared_parts": transferring.part_rows(decision),
        "shared_head": transferring.PARTS_HEAD,
        "spread": transferring.SPREAD,
        "spreads": transferring.spread_rows(decision),
        "spread_head": transferring.SPREAD_HEAD,
    }


def _raw(decision: Decision, listed: Decision) -> dict[str, object]:
    """What `report_raw.html` and `report_place.html` show."""
    return {
        "sessions": plots.session_plots(listed),
        "drifts": plots.drift_plots(listed),
        "series_head": raw.SERIES_HEAD,
        "series": raw.series_rows(listed),
        "slices_head": raw.SLICES_HEAD,
        "slices": raw.slice_rows(listed),
        "provenance": explaining.provenance_rows(decision),
    }
