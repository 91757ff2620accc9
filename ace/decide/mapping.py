"""Where on the development map the gain begins and ends, where it has holes, and what to measure next.

Part of `judge`, after the regimes. A breakpoint is an interval between measured levels; what is unresolved or was not
measured widens it and is never counted as the one or the other.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ace.decide import commands
from ace.decide.cells import cell_key, several_sizes
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate, half_width
from ace.decide.regimes import answerable
from ace.domain.finding import Outcome
from ace.domain.mapping import Breakpoint, Hole, Landscape, NextCell
from ace.domain.plan import DEVELOPMENT, Shape
from ace.domain.policy import Policy
from ace.domain.verdict import Regime

AXES = ("seq_len", "batch", "hidden", "depth")
MOST_NEXT = 6


@dataclass(frozen=True, slots=True)
class _Place:
    """A cell of the map, or a shape that was tried and gave none. `known`: whether positive or not, it is known."""

    key: str
    shape: Shape
    regime: Regime
    known: bool


Row = Sequence[tuple[int, _Place]]
"""Places along one axis by level, lowest first, all else fixed."""


def landscape_of(dossier: Dossier, policy: Policy) -> Landscape:
    """The map of the development split in words that a program can read."""
    places = list(_places(dossier, policy))
    breakpoints: list[Breakpoint] = []
    holes: list[Hole] = []
    for axis in AXES:
        levels = sorted({_level(place, axis) for place in places})
        for line, row in _lines(places, axis):
            breakpoints += _breakpoints(axis, line, row, levels)
            holes += _holes(axis, row)
    wanted, command = _next(dossier, policy)
    return Landscape(policy.gain_floor, tuple(breakpoints), tuple(holes), wanted, command)


def _places(dossier: Dossier, policy: Policy) -> Iterator[_Place]:
    for cell in dossier.on(DEVELOPMENT):
        yield _Place(cell.key, cell.cell.shape, dossier.regimes[cell.key], _known(cell, dossier, policy))
    for key, shape in _tried_in_vain(dossier):
        yield _Place(key, shape, Regime.UNRESOLVED, known=False)


def _tried_in_vain(dossier: Dossier) -> Iterator[tuple[str, Shape]]:
    """Shapes that were attempted and are no cell of the map, each under the name that it would have there."""
    many, there = several_sizes(dossier.case.attempts), {cell.cell.shape for cell in dossier.on(DEVELOPMENT)}
    for shape in dossier.unmeasured(DEVELOPMENT):
        if shape not in there:
            yield cell_key(DEVELOPMENT, shape, many), shape


def _known(cell: CellEstimate, dossier: Dossier, policy: Policy) -> bool:
    """Whether it is known to be positive or not: by its regime, or because its interval lies below the floor. An edge
    is neither as long as it may gain more."""
    if dossier.regimes[cell.key] in (Regime.POSITIVE, Regime.COLLAPSE):
        return True
    readable = answerable(cell, policy) and not dossier.downgrades(cell.key) and not cell.objections
    return readable and cell.band.high is not None and cell.band.high < policy.gain_floor


def _level(place: _Place, axis: str) -> int:
    return int(getattr(place.shape, axis))


def _lines(places: Sequence[_Place], axis: str) -> Iterator[tuple[str, Row]]:
    """Every line of the map along `axis` with at least two places: what is fixed on it, and its places."""
    others = [other for other in AXES if other != axis]
    told = [other for other in others if len({_level(place, other) for place in places}) > 1] or others[:1]
    found: dict[tuple[int, ...], list[tuple[int, _Place]]] = defaultdict(list)
    for place in places:
        found[tuple(_level(place, other) for other in others)].append((_level(place, axis), place))
    for where in sorted(found):
        row = sorted(found[where], key=lambda pair: pair[0])
        if len(row) > 1:
            fixed = dict(zip(others, where, strict=True))
            yield ", ".join(f"{other}={fixed[other]}" for other in told), row


def _breakpoints(axis: str, line: str, row: Row, levels: Sequence[int]) -> Iterator[Breakpoint]:
    """Each change between positive and known not to be; what is not known is passed over. A positive cell beside
    nothing that is known has an open end there."""
    known: list[tuple[int | None, Regime | None]] = [(level, place.regime) for level, place in row if place.known]
    if known and known[0][0] != row[0][0]:
        known.insert(0, (None, None))
    if known and known[-1][0] != row[-1][0]:
        known.append((None, None))
    for (last, before), (first, after) in pairwise(known):
        if (before is Regime.POSITIVE) == (after is Regime.POSITIVE):
            continue
        low, high = -math.inf if last is None else last, math.inf if first is None else first
        between = tuple(level for level in levels if low < level < high)
        yield Breakpoint(axis, line, after is Regime.POSITIVE, last, first, before, after, between)


def _holes(axis: str, row: Row) -> Iterator[Hole]:
    positive = [level for level, place in row if place.regime is Regime.POSITIVE]
    for level, place in row:
        below, above = [p for p in positive if p < level], [p for p in positive if p > level]
        if place.regime is not Regime.POSITIVE and below and above:
            yield Hole(place.key, place.regime, axis, (below[-1], above[0]), place.known)


def _next(dossier: Dossier, policy: Policy) -> tuple[tuple[NextCell, ...], str | None]:
    """Cells that further sessions could move across the boundary, the least known first, and their command."""
    there = dossier.on(DEVELOPMENT)
    if not there:
        return (), None
    wanted = [
        (math.inf, shape, NextCell(key, None, "attempted, and nothing was measured"))
        for key, shape in _tried_in_vain(dossier)
    ]
    for cell in there:
        if reason := _open(cell, dossier, policy):
            wide = half_width(cell.band)
            wanted.append((wide, cell.cell.shape, NextCell(cell.key, wide if math.isfinite(wide) else None, reason)))
    wanted = sorted(wanted, key=lambda entry: -entry[0])[:MOST_NEXT]  # stable: equals stay in the order of the map
    if not wanted:
        return (), None
    newest = max((cell.cell.newest for cell in there), key=lambda measurement: measurement.age)
    seed = 1 + max(record.plan.seed for cell in there for record in cell.cell.records)
    shapes = [shape for _, shape, _ in wanted]
    command = commands.measure(newest.record.plan, newest.job, DEVELOPMENT, shapes, seed)
    return tuple(entry for _, _, entry in wanted), command


def _open(cell: CellEstimate, dossier: Dossier, policy: Policy) -> str | None:
    """Why more sessions could change what is known of a cell; None where they could not, or it is known."""
    if cell.quality_outcome is Outcome.FAIL or cell.objections:
        return None  # however the timings come out
    low, high = cell.band.low, cell.band.high
    if low is None or high is None:
        return "has no interval"
    if doubts := dossier.downgrades(cell.key):
        return f"unresolved by {doubts[0]}"
    if not answerable(cell, policy):
        return cell.unfit[0] if cell.unfit else f"{cell.own.sessions} of {policy.min_sessions} sessions"
    if low <= policy.gain_floor <= high:
        return "its interval crosses the smallest gain worth having"
    scored = cell.quality is not None and cell.quality_outcome is not Outcome.PASS
    return "fast enough, and its quality is not settled" if scored and low > policy.gain_floor else None
