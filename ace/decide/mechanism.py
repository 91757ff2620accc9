"""Why a gain is what it is: the work that the witness saw saved, beside the time that was.

Part of `judge`; it explains and never judges (the rules that do are in `ace.decide.skeptic.mechanism`). The cost model
is the simplest that can tell a fixed cost of a call from the cost of its work: t = a + b * FLOPs (Amdahl 1967 for the
same split of a program).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

from ace.decide.estimates import CellEstimate
from ace.domain.estimate import Estimate
from ace.domain.mapping import CellMechanism, CostModel, Mechanism
from ace.domain.session import BASELINE, CANDIDATE, Session, Witness
from ace.domain.wording import LARGEST_LOG
from ace.stats import cost_line

LEAST_SAVED = 0.01  # of FLOPs: what is saved of less is noise over noise
LARGEST_RESIDUAL = 0.25  # of the time measured: beyond it the line is no description


def mechanism_of(cells: Sequence[CellEstimate]) -> Mechanism:
    """Of the cells of development."""
    models = tuple(_models(cells))
    return Mechanism(tuple(_cell(cell, models) for cell in cells), models)


def _models(cells: Sequence[CellEstimate]) -> Iterator[CostModel]:
    """One an arm, size of model and host: depth, width and hosts have costs of their own, which must not be mixed."""

    def kind(cell: CellEstimate) -> tuple[int, int, str]:
        return cell.cell.shape.hidden, cell.cell.shape.depth, cell.cell.conditions.host

    several = len({cell.cell.conditions.host for cell in cells}) > 1
    for hidden, depth, host in sorted(set(map(kind, cells))):
        own = [cell for cell in cells if kind(cell) == (hidden, depth, host)]
        named = host if several else None
        for arm in (BASELINE, CANDIDATE):
            points = [
                (cell.key, flops, seconds)
                for cell in own
                if (flops := _seen(cell, arm, _flops)) and (seconds := dict(cell.seconds).get(arm))
            ]
            line = cost_line([flops for _, flops, _ in points], [seconds for *_, seconds in points])
            if line is not None:
                describes = max(map(abs, line.residuals)) <= LARGEST_RESIDUAL
                yield CostModel(arm, hidden, depth, tuple(key for key, *_ in points), line, describes, named)


def _cell(cell: CellEstimate, models: Sequence[CostModel]) -> CellMechanism:
    before, after = _seen(cell, BASELINE, _flops), _seen(cell, CANDIDATE, _flops)
    return CellMechanism(
        cell=cell.key,
        gain=cell.band.gain,
        baseline_flops=before,
        candidate_flops=after,
        flops_gain_log=math.log(before / after) if before and after else None,
        achieved=_achieved(cell, before, after),
        baseline_tokens=_seen(cell, BASELINE, _tokens),
        candidate_tokens=_seen(cell, CANDIDATE, _tokens),
        baseline_bytes=_seen(cell, BASELINE, _bytes),
        candidate_bytes=_seen(cell, CANDIDATE, _bytes),
        fixed_share=_fixed_share(cell, models),
    )


def _fixed_share(cell: CellEstimate, models: Sequence[CostModel]) -> float | None:
    """Of the baseline's time; None where no model describes it or its fixed cost could be nothing."""
    for model in models:
        if model.arm == BASELINE and cell.key in model.cells and model.describes and model.line.intercept.low > 0:
            return min(1.0, model.line.intercept.value / dict(cell.seconds)[BASELINE])
    return None


def _achieved(cell: CellEstimate, before: float | None, after: float | None) -> Estimate | None:
    """Share of the time saved over share of the FLOPs saved; None where hardly any FLOPs were saved.

    By the cost model with one a and b for both arms it is 1 - a / t: what the fixed cost leaves.
    """
    gain, low, high = cell.band.gain, cell.band.low, cell.band.high
    if gain is None or low is None or high is None or not before or after is None:
        return None
    saved = 1 - after / before
    if saved < LEAST_SAVED:
        return None
    return Estimate(*(-math.expm1(-max(-LARGEST_LOG, log)) / saved for log in (gain, low, high)))


def _seen(cell: CellEstimate, arm: str, what: Callable[[Witness], int | None]) -> float | None:
    """Median over the sessions of a cell; None unless every session saw it."""
    counts = [None if witness is None else what(witness) for witness in (s.seen(arm) for s in cell.cell.sessions)]
    known = [count for count in counts if count is not None]
    return float(median(known)) if known and len(known) == len(counts) else None


def _flops(witness: Witness) -> int | None:
    return witness.flops


def _bytes(witness: Witness) -> int | None:
    return witness.least_bytes


def _tokens(witness: Witness) -> int | None:
    return None if witness.tokens_per_layer is None else sum(witness.tokens_per_layer)


def flops_ratios(sessions: Iterable[Session]) -> Iterator[float]:
    """Baseline over candidate, of the sessions in which both were counted."""
    for session in sessions:
        base, candidate = session.seen(BASELINE), session.seen(CANDIDATE)
        if base and candidate and base.flops and candidate.flops:
            yield base.flops / candidate.flops
