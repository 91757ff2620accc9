"""The same shape on development, validation and holdout, side by side: how far it falls short, why, and what makes its
numbers uncertain.

Beside the skeptic in `judge`, whose rule transfer gap asks `gap_of` whether a gap is worth a warning. A diagnosis
judges nothing: gates and rules do.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import numpy as np

from ace.decide.cells import shape_order
from ace.decide.estimates import CellEstimate, half_width, tables
from ace.decide.mechanism import flops_ratios
from ace.domain.answers import SliceAnswer
from ace.domain.estimate import Estimate
from ace.domain.plan import DEVELOPMENT, HOLDOUT, SPLITS, VALIDATION, Shape
from ace.domain.policy import Policy
from ace.domain.session import CANDIDATE, NULL
from ace.domain.transfer import Cause, Gap, Part, PartTransfer, SplitGain, Spread, Transfer
from ace.stats import components, student
from ace.stats.intake import FloatArray

STEPS = ((DEVELOPMENT, VALIDATION), (VALIDATION, HOLDOUT), (DEVELOPMENT, HOLDOUT))


def transfers(cells: Iterable[CellEstimate], policy: Policy) -> tuple[Transfer, ...]:
    """One entry a shape of the map, smallest first."""
    by_shape: dict[Shape, dict[str, CellEstimate]] = defaultdict(dict)
    for cell in cells:
        by_shape[cell.cell.shape][cell.cell.split] = cell
    return tuple(_transfer(shape, by_shape[shape], policy) for shape in sorted(by_shape, key=shape_order))


def _transfer(shape: Shape, found: Mapping[str, CellEstimate], policy: Policy) -> Transfer:
    cells = [found[split] for split in SPLITS if split in found]
    gaps = [gap_of(found.get(before), found.get(after), policy) for before, after in STEPS]
    splits = tuple(_split(cell, policy) for cell in cells)
    return Transfer(shape, splits, _shared_parts(cells), tuple(gap for gap in gaps if gap is not None))


def _split(cell: CellEstimate, policy: Policy) -> SplitGain:
    return SplitGain(
        split=cell.cell.split,
        gain=cell.own.gain,
        low=cell.own.low,
        high=cell.own.high,
        sessions=cell.own.sessions,
        quality=None if cell.quality is None else cell.quality.difference,
        quality_low=None if cell.quality is None else cell.quality.low,
        quality_high=None if cell.quality is None else cell.quality.high,
        spread=_spread(cell, policy),
    )


def gap_of(before: CellEstimate | None, after: CellEstimate | None, policy: Policy) -> Gap | None:
    """What one split shows beyond a later one; None where one of them has no number."""
    if before is None or after is None or before.own.gain is None or after.own.gain is None:
        return None
    half = math.hypot(half_width(before.own), half_width(after.own))
    if not math.isfinite(half):
        return None
    gain, quality = before.own.gain - after.own.gain, _quality_gap(before, after)
    work = [_flops_gain(cell) for cell in (before, after)]
    return Gap(
        before=before.cell.split,
        after=after.cell.split,
        gain=gain,
        low=gain - half,
        high=gain + half,
        quality=quality,
        work_log=None if work[0] is None or work[1] is None else work[0] - work[1],
        cause=_cause(Estimate(gain, gain - half, gain + half), quality, policy),
    )


def _quality_gap(before: CellEstimate, after: CellEstimate) -> Estimate | None:
    """The splits share no document, so their errors are independent."""
    first, second = before.quality, after.quality
    if first is None or second is None or first.metric != second.metric:
        return None
    difference = first.difference - second.difference
    half = math.hypot((first.high - first.low) / 2, (second.high - second.low) / 2)
    return Estimate(difference, difference - half, difference + half)


def _cause(gain: Estimate, quality: Estimate | None, policy: Policy) -> Cause:
    """What lies beyond chance; of the gain also beyond what is called the same, as other days differ by less."""
    faster = _differs(gain) and abs(gain.value) > policy.same_within
    better = quality is not None and _differs(quality)
    if faster and better:
        return Cause.BOTH
    return Cause.EFFICIENCY if faster else Cause.QUALITY if better else Cause.NOTHING


def _differs(estimate: Estimate) -> bool:
    return not estimate.low <= 0 <= estimate.high


def _flops_gain(cell: CellEstimate) -> float | None:
    """The gain if time were proportional to the FLOPs that the witness counted, median over sessions."""
    logs = [math.log(ratio) for ratio in flops_ratios(cell.cell.sessions)]
    return median(logs) if logs else None


def _shared_parts(cells: Sequence[CellEstimate]) -> tuple[PartTransfer, ...]:
    """Parts that at least two splits have; another corpus has classes of its own, which nothing can be held against."""
    found: dict[str, list[tuple[str, SliceAnswer]]] = defaultdict(list)
    for cell in cells if len(cells) > 1 else ():
        for part in cell.slices:
            found[part.name].append((cell.cell.split, part))
    return tuple(
        PartTransfer(name, tuple(Part(split, part.n, part.difference, part.ucb) for split, part in seen))
        for name, seen in found.items()
        if len(seen) > 1
    )


def _spread(cell: CellEstimate, policy: Policy) -> Spread:
    """What makes a cell's numbers uncertain."""
    candidate, null = _ratios(cell, CANDIDATE), _ratios(cell, NULL)
    found = None if candidate is None else components(candidate, null)
    quality = _quality_variance(cell)
    if found is None:
        return Spread(None, None, None, quality, _dominant({"quality": quality}, cell, policy))
    parts = {"session": found.session, "pair": found.pair, "input": found.input, "quality": quality}
    return Spread(found.session, found.pair, found.input, quality, _dominant(parts, cell, policy))


def _ratios(cell: CellEstimate, arm: str) -> FloatArray | None:
    """Log ratios baseline/arm, (sessions, rounds), warm-up cut; None where there are no pairs of neighbours."""
    if any(record.imported is not None for record in cell.cell.records):
        return None
    baseline, other = tables(cell.cell.records, arm)
    if not baseline or len(baseline[0]) <= cell.own.cut_rounds:
        return None
    ratios: FloatArray = np.log(np.array(baseline) / np.array(other))[:, cell.own.cut_rounds :]
    return ratios


def _quality_variance(cell: CellEstimate) -> float | None:
    found = cell.quality
    if found is None or found.n < 2:
        return None
    error = (found.high - found.low) / 2 / student.quantile(found.n - 1, 1 - cell.alpha / 2)
    return error**2


def _dominant(parts: Mapping[str, float | None], cell: CellEstimate, policy: Policy) -> str | None:
    """The largest part, each in units of what its answer is held against."""
    margin = policy.quality_margin if cell.quality is None else cell.quality.margin
    units = {"quality": margin}
    sizes = {
        name: value / units.get(name, policy.gain_floor) ** 2
        for name, value in parts.items()
        if value is not None and units.get(name, policy.gain_floor) > 0
    }
    largest = max(sizes, key=lambda name: sizes[name], default=None)
    return largest if largest is not None and sizes[largest] > 0 else None
