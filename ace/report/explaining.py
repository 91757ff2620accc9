"""The map in sentences: where the gain begins and ends, what to measure next, and why it is what it is.

Shared by memo, page and terminal. Every number stands in the decision; nothing is estimated here.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from ace.domain.decision import Decision
from ace.domain.mapping import Breakpoint, CellMechanism, CostModel, Hole, NextCell
from ace.domain.plan import DEVELOPMENT
from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.verdict import Regime
from ace.domain.wording import percent
from ace.report.power import better_source

EXPLAINED = (
    "Achieved is the share of the time saved over the share of the FLOPs saved: 100 % where time follows FLOPs. Tokens "
    "are summed over layers; bytes are the least that a call must move."
)
NO_MODEL = "No cost model: it takes four development cells of one size whose time and FLOPs are known."
NOTHING_NEXT = "No cell would be moved across the smallest gain worth having by measuring it again."
MECHANISM_HEAD = (
    "cell", "gain", "GFLOPs", "gain by FLOPs alone", "achieved", "tokens", "MB", "fixed part of the baseline's time",
)  # fmt: skip


def edge_lines(decision: Decision) -> list[str]:
    """Breakpoints and holes, one a line; where there is none, that too is said."""
    found = decision.landscape
    lines = [*map(_breakpoint, found.breakpoints), *map(_hole, found.holes)]
    development = [cell for cell in decision.cells if cell.split == DEVELOPMENT]
    open_cells = sum(cell.regime is Regime.UNRESOLVED for cell in development)
    doubt = f"; {open_cells} of {len(development)} development cells are unresolved" if open_cells else ""
    return lines or [f"no breakpoint: along no line of the map is a gain seen to begin or to end{doubt}"]


def _breakpoint(found: Breakpoint) -> str:
    place = f"along {found.axis} at {found.line}"
    doubt = f"; not known at {', '.join(map(str, found.unknown))}" if found.unknown else ""
    if found.last is None:
        return f"{place}: positive from {found.first}; nothing is known below it{doubt}"
    if found.first is None:
        return f"{place}: positive up to {found.last}; nothing is known above it{doubt}"
    turn = "enters" if found.enters else "leaves"
    sides = f"{found.last} ({_side(found.before)}) and {found.first} ({_side(found.after)})"
    return f"{place}: {turn} positive between {sides}{doubt}"


def _side(regime: Regime | None) -> str:
    return "unresolved, and too little gain in any case" if regime is Regime.UNRESOLVED else str(regime)


def _hole(found: Hole) -> str:
    low, high = found.between
    what = "a hole" if found.certain else "perhaps a hole"
    return f"{what} at {found.cell}: {found.regime}, while {found.axis}={low} and {high} beside it are positive"


def next_lines(decision: Decision) -> list[str]:
    """Cells to measure next, one a line."""
    return [_next(cell) for cell in decision.landscape.next_cells] or [NOTHING_NEXT]


def _next(cell: NextCell) -> str:
    wide = "" if cell.half_width_log is None else f" (half-width {percent(cell.half_width_log).lstrip('+')})"
    return f"{cell.cell}: {cell.reason}{wide}"


def model_lines(decision: Decision) -> list[str]:
    """The cost model in words, and what it says of small shapes."""
    models = decision.mechanism.models
    lines = [_model(model) for model in models] or [NO_MODEL]
    lines += _dearer(models)
    shares = [(cell.fixed_share, cell.cell) for cell in decision.mechanism.cells if cell.fixed_share is not None]
    if shares:
        (most, where), (least, there) = max(shares), min(shares)
        lines.append(
            f"the fixed cost, which saving FLOPs cannot touch, is {_share(most)} of the baseline's time in {where} and "
            f"{_share(least)} in {there}: where it dominates, dropping work stops paying"
        )
    elif models:
        lines.append("no fixed cost is told from 0 by a line that fits, so the model explains no loss at small shapes")
    return lines


def _dearer(models: Sequence[CostModel]) -> Iterator[str]:
    """Where a call of the candidate costs more before any work is done: intervals that lie apart."""
    for dense, candidate in pairwise(models):
        if (dense.arm, candidate.arm) != (BASELINE, CANDIDATE) or not (dense.describes and candidate.describes):
            continue
        before, after = dense.line.intercept, candidate.line.intercept
        if _measured(dense) == _measured(candidate) and after.low > before.high:
            yield (
                f"{_measured(dense)}: the idea itself adds to the fixed cost "
                f"({1e3 * after.value:.3g} ms against {1e3 * before.value:.3g} ms), and small shapes pay for it"
            )


def _model(model: CostModel) -> str:
    fixed, rate = model.line.intercept, model.line.slope
    worst = max(map(abs, model.line.residuals))
    text = (
        f"{model.arm} ({_measured(model)}): a call takes {1e3 * fixed.value:.3g} ms "
        f"[{1e3 * fixed.low:.3g}, {1e3 * fixed.high:.3g}] whatever it computes, and {1e12 * rate.value:.3g} ms "
        f"[{1e12 * rate.low:.3g}, {1e12 * rate.high:.3g}] for each GFLOP; {len(model.cells)} cells, residuals up to "
        f"{_share(worst)} of the time"
    )
    return text if model.describes else f"{text}: too far off to reason from"


def _measured(model: CostModel) -> str:
    on_host = "" if model.host is None else f", on {model.host}"
    return f"hidden {model.hidden}, depth {model.depth}{on_host}"


def mechanism_rows(decision: Decision) -> list[tuple[str, ...]]:
    """One row a development cell, under MECHANISM_HEAD."""
    return [_mechanism(cell) for cell in decision.mechanism.cells]


def _mechanism(cell: CellMechanism) -> tuple[str, ...]:
    achieved = cell.achieved
    return (
        cell.cell,
        _or(cell.gain, percent, "not measured"),
        _pair(cell.baseline_flops, cell.candidate_flops, 1e9),
        _or(cell.flops_gain_log, percent, "not counted"),
        "-" if achieved is None else f"{_share(achieved.value)} [{100 * achieved.low:.0f}, {100 * achieved.high:.0f}]",
        _pair(cell.baseline_tokens, cell.candidate_tokens, 1),
        _pair(cell.baseline_bytes, cell.candidate_bytes, 1e6),
        _or(cell.fixed_share, _share, "-"),
    )


def _or(value: float | None, told: Callable[[float], str], otherwise: str) -> str:
    return otherwise if value is None else told(value)


def _pair(before: float | None, after: float | None, unit: float) -> str:
    if before is None or after is None:
        return "not seen"
    return f"{before / unit:.4g} to {after / unit:.4g}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


BETTER = ("what a better source would change", "the command to run there")


def provenance_rows(decision: Decision) -> list[tuple[str, str]]:
    """Where the numbers come from: kind of number, and the grade of the cells."""
    rows = []
    for kind in ("latency", "quality", "energy"):
        grades = [str(getattr(cell.provenance, kind)) for cell in decision.cells]
        told = ", ".join(f"{grade} in {grades.count(grade)} cells" for grade in dict.fromkeys(grades))
        rows.append((kind, told or "no cell"))
    sources = [cell.energy for cell in decision.cells]
    for found in {(f.grade, f.reason) if f else None: f for f in sources}.values():
        simulated = ", simulated" if found is not None and found.simulated else ""
        rows.append(("energy source", f"{found.grade}{simulated}: {found.reason}" if found else "none was asked for"))
    idle = sorted({f"{f.idle_w:.1f} W" for f in sources if f is not None and f.idle_w is not None})
    rows += [("idle power", ", ".join(idle))] if idle else []
    change, command = better_source(decision)
    return [*rows, *zip(BETTER, (change, command), strict=True)]
