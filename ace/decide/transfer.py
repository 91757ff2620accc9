"""The same shape on development, validation and holdout, side by side, and how far the holdout falls short.

Beside the skeptic in `judge`, whose rule transfer gap asks `gap_of` whether a gap is worth a warning.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ace.decide.cells import shape_order
from ace.decide.estimates import CellEstimate, half_width
from ace.domain.plan import DEVELOPMENT, HOLDOUT, SPLITS, Shape
from ace.domain.transfer import Gap, SplitGain, Transfer


def transfers(cells: Iterable[CellEstimate]) -> tuple[Transfer, ...]:
    """One entry a shape of the map, smallest first."""
    by_shape: dict[Shape, dict[str, CellEstimate]] = defaultdict(dict)
    for cell in cells:
        by_shape[cell.cell.shape][cell.cell.split] = cell
    return tuple(_transfer(shape, by_shape[shape]) for shape in sorted(by_shape, key=shape_order))


def _transfer(shape: Shape, found: dict[str, CellEstimate]) -> Transfer:
    return Transfer(shape, _splits([found[split] for split in SPLITS if split in found]), gap_of(found))


def _splits(cells: Sequence[CellEstimate]) -> tuple[SplitGain, ...]:
    return tuple(
        SplitGain(
            split=cell.cell.split,
            gain=cell.own.gain,
            low=cell.own.low,
            high=cell.own.high,
            sessions=cell.own.sessions,
            quality=None if cell.quality is None else cell.quality.difference,
            quality_low=None if cell.quality is None else cell.quality.low,
            quality_high=None if cell.quality is None else cell.quality.high,
        )
        for cell in cells
    )


def gap_of(found: dict[str, CellEstimate]) -> Gap | None:
    """Development minus holdout; None where one of them has no number."""
    before, after = found.get(DEVELOPMENT), found.get(HOLDOUT)
    if before is None or after is None or before.own.gain is None or after.own.gain is None:
        return None
    half = math.hypot(half_width(before.own), half_width(after.own))
    gap = before.own.gain - after.own.gain
    return Gap(gap, gap - half, gap + half) if math.isfinite(half) else None
