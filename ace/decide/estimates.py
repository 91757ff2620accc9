"""Second step of `judge`: a number with its interval for every cell, before anyone asks what it means.

The map's interval holds for all cells of a split together; gates use the cell's own bounds, one-sided at alpha. A cell
measured k times pools its sessions and divides alpha by k: looking again is paid for. Every measurement of the cell is
a look, whatever its conditions.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ace.decide.cells import Cell, declared_maximum
from ace.decide.occasions import over_occasions
from ace.decide.quality import settled, settled_by
from ace.decide.rivals import rivals_of
from ace.decide.roofline import Share, share
from ace.decide.series import Seconds, arm_seconds, arms_of, typical_seconds
from ace.decide.similarity import further_by
from ace.domain.answers import QualityAnswer, RivalAnswer, SimilarityAnswer, SliceAnswer
from ace.domain.estimate import Comparison
from ace.domain.finding import Outcome
from ace.domain.plan import HOLDOUT, SPLITS
from ace.domain.policy import Policy
from ace.domain.record import INTERLEAVED, CellRecord
from ace.domain.registration import SEALED_MEASUREMENTS
from ace.domain.session import BASELINE, CANDIDATE, NULL
from ace.domain.wording import percent
from ace.stats import compare, compare_cells, compare_each, compare_sequential

ANY = 0.95  # confidence: whether sessions stand still does not depend on it
LEAST_SEQUENTIAL = 0.90  # the boundaries are calibrated from here up; a policy that asks for less gets more


@dataclass(frozen=True)  # no slots: what several ask for is reckoned once
class CellEstimate:
    """`band`: simultaneous over the split's grid. `own`: this cell alone, two-sided. `bounds`: its one-sided bounds as
    `low` and `high`. `null`: the null arm against the baseline, two-sided. `alpha`: of this look. `slices`: every part
    that `quality` was tested in. `objections`: what measurements under other conditions deny."""

    cell: Cell
    alpha: float
    band: Comparison
    own: Comparison
    bounds: Comparison
    null: Comparison
    quality: QualityAnswer | None
    slices: tuple[SliceAnswer, ...]
    further: tuple[SimilarityAnswer, ...]
    rivals: tuple[RivalAnswer, ...]
    seconds: tuple[tuple[str, float], ...]
    objections: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its name in findings."""
        return self.cell.key

    @cached_property
    def of_roofline(self) -> Mapping[str, Share | None]:
        """How close baseline and candidate come to what the machine can do."""
        arms = (BASELINE, CANDIDATE)
        return {arm: share(self.cell.records, arm, self.band.cut_rounds) for arm in arms}

    @property
    def quality_outcome(self) -> Outcome:
        """PASS, FAIL, or NO_EVIDENCE where it was not scored."""
        return Outcome.NO_EVIDENCE if self.quality is None else self.quality.outcome

    @property
    def unfit(self) -> tuple[str, ...]:
        """Why these sessions may not be answered from, however narrow their interval."""
        return tuple(dict.fromkeys((*forbidding(self.own), *forbidding(self.band))))


def forbidding(comparison: Comparison) -> tuple[str, ...]:
    """Reasons for no answer that more of the same sessions do not mend: all but an interval that is too wide."""
    return tuple(r for r in comparison.reasons if not (r.startswith("interval ") and " crosses the margin" in r))


def estimate(cells: Sequence[Cell], policy: Policy, holdout_looks: int = 1) -> tuple[CellEstimate, ...]:
    """Every cell with its numbers, in the order given.

    `holdout_looks`: how often the idea has looked at the sealed documents; each is paid for, on top of a cell's own.
    """
    made: dict[str, CellEstimate] = {}
    for split in SPLITS:
        grid = [cell for cell in cells if cell.split == split]
        if not grid:
            continue
        before = holdout_looks if split == HOLDOUT else 1
        looks = before * max(map(_looks, grid))
        bands = _bands(grid, policy.alpha / looks, policy)
        alphas = [policy.alpha / (before * _looks(cell)) for cell in grid]
        alone = _each_alone(grid, alphas, policy.margin)
        for cell, band, alpha, numbers in zip(grid, bands, alphas, alone, strict=True):
            steady = _steady(band, cell.records, CANDIDATE, policy.margin)
            made[cell.key] = _estimate(cell, alpha, steady, numbers, policy)
    return tuple(made[cell.key] for cell in cells)


def _bands(grid: Sequence[Cell], alpha: float, policy: Policy) -> list[Comparison]:
    """Intervals that hold for all cells of a split together. Where one could stop early each has a boundary of its
    own, at a level divided by the cells (Dunn 1961): variances of sessions that were looked at are not pooled."""
    if all(cell.declared_maximum is None and cell.conditions.order == INTERLEAVED for cell in grid):
        pairs = [tables(cell.records, CANDIDATE) for cell in grid]
        hosts = [cell.conditions.host for cell in grid]
        return compare_cells(pairs, margin=policy.margin, confidence=1 - alpha, blocks=hosts)
    return [compared(cell.records, CANDIDATE, policy.margin, 1 - alpha / len(grid)) for cell in grid]


@dataclass(frozen=True, slots=True)
class _Alone:
    """What a cell says without the others: see CellEstimate."""

    own: Comparison
    bounds: Comparison
    null: Comparison


def _each_alone(grid: Sequence[Cell], alphas: Sequence[float], margin: float) -> list[_Alone]:
    """Of every cell; those of a fixed design are worked together, and each by itself says the same."""
    # nobody stops because of what the null arm shows, so its interval is that of the sessions there are
    nulls = compare_each([tables(cell.records, NULL) for cell in grid], [(1 - alpha,) for alpha in alphas], margin)
    levels = [(1 - alpha, 1 - 2 * alpha) for alpha in alphas]
    found: dict[int, list[Comparison]] = {}
    groups: dict[str, list[int]] = defaultdict(list)
    for place, cell in enumerate(grid):
        if cell.declared_maximum is None:
            groups[cell.conditions.order].append(place)
        else:
            found[place] = [compared(cell.records, CANDIDATE, margin, level) for level in levels[place]]
    for order, members in groups.items():
        pairs = [tables(grid[place].records, CANDIDATE) for place in members]
        told = compare_each(pairs, [levels[place] for place in members], margin, order)
        for place, some in zip(members, told, strict=True):
            found[place] = [_steady(each, grid[place].records, CANDIDATE, margin) for each in some]
    return [_Alone(found[place][0], found[place][1], null) for place, [null] in enumerate(nulls)]


def compared(records: Sequence[CellRecord], arm: str, margin: float, confidence: float) -> Comparison:
    """`arm` against the baseline over all sessions of `records`, at the boundary of their design."""
    return _steady(_pooled(records, arm, margin, confidence), records, arm, margin)


def _pooled(records: Sequence[CellRecord], arm: str, margin: float, confidence: float) -> Comparison:
    pair, order = tables(records, arm), records[0].order if records else INTERLEAVED
    return comparison(pair, declared_maximum(records), margin, confidence, order)


def _steady(found: Comparison, records: Sequence[CellRecord], arm: str, margin: float) -> Comparison:
    """Whether it stands still is asked of each measurement by itself."""
    return over_occasions(found, records, lambda record: _pooled([record], arm, margin, ANY), margin)


def tables(records: Sequence[CellRecord], arm: str) -> tuple[Seconds, Seconds]:
    """Seconds of the baseline and of `arm`, (sessions, rounds) each, of sessions and of imported timings."""
    own = arm_seconds([session for record in records for session in record.sessions], BASELINE, arm)
    foreign = [record.imported.pair for record in records if record.imported is not None and arm == CANDIDATE]
    return [*own[0], *(row for b, _ in foreign for row in b)], [*own[1], *(row for _, c in foreign for row in c)]


def comparison(
    pair: tuple[Seconds, Seconds], most: int | None, margin: float, confidence: float, order: str = INTERLEAVED
) -> Comparison:
    """Candidate against baseline; `most` sessions could have been measured, None where their number was fixed."""
    if most is None:
        return compare(*pair, margin=margin, confidence=confidence, order=order)
    return compare_sequential(*pair, max_sessions=most, margin=margin, confidence=max(confidence, LEAST_SEQUENTIAL))


def _looks(cell: Cell) -> int:
    """How often it may be asked: as often as it was measured, and a sealed cell as often as was foreseen."""
    return max(SEALED_MEASUREMENTS, cell.looks) if cell.split == HOLDOUT else cell.looks


def _estimate(cell: Cell, alpha: float, band: Comparison, alone: _Alone, policy: Policy) -> CellEstimate:
    quality, slices = settled(cell.records, alpha, policy)
    return CellEstimate(
        cell=cell,
        alpha=alpha,
        band=band,
        own=alone.own,
        bounds=alone.bounds,
        null=alone.null,
        quality=quality,
        slices=slices,
        further=further_by(cell.records, alpha, policy),
        rivals=rivals_of(cell.records, alpha, policy),
        seconds=tuple((arm, typical_seconds(cell.sessions, arm, band.cut_rounds)) for arm in arms_of(cell.sessions)),
        objections=tuple(_objections(cell, alpha, policy)),
    )


def _objections(cell: Cell, alpha: float, policy: Policy) -> Iterator[str]:
    """Measurements that are not pooled and yet say that the candidate is slower or answers worse."""
    for conditions, measurements in cell.others:
        found = compared([m.record for m in measurements], CANDIDATE, policy.margin, 1 - 2 * alpha)
        # on the holdout both measurements count, and one that rules the gain out is no matter of conditions
        floor, what = (policy.gain_floor, "too slow") if cell.split == HOLDOUT else (0.0, "slower")
        if found.high is not None and found.high < floor and not forbidding(found):
            yield f"{what} ({percent(found.high)} at most) by {conditions}"
        scored = settled_by([m.record for m in measurements], alpha, policy)
        if scored is not None and scored.outcome is Outcome.FAIL:
            yield f"quality lost ({100 * scored.difference:+.1f} points) by {conditions}"


def half_width(comparison: Comparison) -> float:
    """Half of an interval; infinite where there is none."""
    if comparison.low is None or comparison.high is None:
        return math.inf
    return (comparison.high - comparison.low) / 2
