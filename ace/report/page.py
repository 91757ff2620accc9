"""`report.html`: the decision as one self-contained page, no network, dark and light.

The template escapes everything; nothing here builds HTML.
"""

import base64
from dataclasses import fields
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ace.domain.decision import ESTIMAND, Decision
from ace.report import comparisons, trace
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


def page(decision: Decision, heat_map: bytes) -> str:
    """HTML text with the heat map inside."""
    engine = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    quiet = [row for row in trace.rows(decision.findings) if row.outcome != "FAIL"]
    return engine.get_template(TEMPLATE).render(
        decision=decision,
        meaning=MEANING[decision.verdict],
        headline=headline(decision),
        calibration=calibration(decision),
        estimand=ESTIMAND,
        gates=trace.rows(decision.gates),
        fired=fired(decision),
        quiet=quiet,
        regimes=REGIME_MEANING,
        splits=list(dict.fromkeys(cell.split for cell in decision.cells)),
        gain_text=gain_text,
        quality_text=quality_text,
        roofline=ROOFLINE,
        beside=comparisons.tables(decision),
        tuning=tuning_text(decision),
        axes=axes_lines(decision),
        axes_heading=AXES,
        roofline_text=roofline_text,
        scopes=[(f.name, getattr(decision.claims, f.name)) for f in fields(decision.claims)],
        policy=[(f.name, getattr(decision.policy, f.name)) for f in fields(decision.policy)],
        picture="data:image/png;base64," + base64.b64encode(heat_map).decode(),
    )
