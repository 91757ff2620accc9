"""Where on the development map the gain begins and ends, where it has holes, and what to measure next.

Part of `judge`, after the regimes. A breakpoint is an interval between measured levels; what is unresolved or was not
measured widens it and is never counted as the one or the other.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from ace.decide import commands
from ace.decide.cells import cell_key, several_sizes
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate, half_width
from ace.decide.regimes import answerable
from ace.domain.finding import Outcome
from ace.domain.mapping import Breakpoint, Hole, Landscape, NextCell
from ace.domain.plan import DEVELOPMENT
from ace.domain.policy import Policy
from ace.domain.verdict import Regime

AXES = ("seq_len", "batch", "hidden", "depth")
MOST_NEXT = 6
Row = Sequence[tuple[int, CellEstimate]]
"""Cells along one axis by level, lowest first, all else fixed."""


def landscape_of(dossier: Dossier, policy: Policy) -> Landscape:
    """The map of the development split in words that a program can read."""
    cells = dossier.on(DEVELOPMENT)
    breakpoints: list[Breakpoint] = []
    holes: list[Hole] = []
    known = {cell.key for cell in cells if _known(cell, dossier, policy)}
    for axis in AXES:
        levels = sorted({_level(cell, axis) for cell in cells})
        for line, row in _lines(cells, axis):
            breakpoints += _breakpoints(axis, line, row, levels, {key: dossier.regimes[key] for key in known})
            holes += _holes(axis, row, dossier.regimes, known)
    wanted, command = _next(dossier, policy)
    return Landscape(policy.gain_floor, tuple(breakpoints), tuple(holes), wanted, command)


def _known(cell: CellEstimate, dossier: Dossier, policy: Policy) -> bool:
    """Whether it is known to be positive or not: by its regime, or because its interval lies below the floor."""
    if dossier.regimes[cell.key] is not Regime.UNRESOLVED:
        return True
    readable = answerable(cell, policy) and not dossier.downgrades(cell.key) and not cell.objections
    return readable and cell.band.high is not None and cell.band.high < policy.gain_floor


def _level(cell: CellEstimate, axis: str) -> int:
    return int(getattr(cell.cell.shape, axis))


def _lines(cells: Sequence[CellEstimate], axis: str) -> Iterator[tuple[str, Row]]:
    """Every line of the map along `axis` with at least two cells: what is fixed on it, and its cells."""
    others = [other for other in AXES if other != axis]
    told = [other for other in others if len({_level(cell, other) for cell in cells}) > 1] or others[:1]
    found: dict[tuple[int, ...], list[tuple[int, CellEstimate]]] = defaultdict(list)
    for cell in cells:
        found[tuple(_level(cell, other) for other in others)].append((_level(cell, axis), cell))
    for place in sorted(found):
        row = sorted(found[place], key=lambda pair: pair[0])
        if len(row) > 1:
            fixed = dict(zip(others, place, strict=True))
            yield ", ".join(f"{other}={fixed[other]}" for other in told), row


def _breakpoints(
    axis: str, line: str, row: Row, levels: Sequence[int], known_as: Mapping[str, Regime]
) -> Iterator[Breakpoint]:
    """Each change between positive and known not to be; what is not known is passed over. A positive cell beside
    nothing that is known has an open end there."""
    known: list[tuple[int | None, Regime | None]] = [
        (level, known_as[cell.key]) for level, cell in row if cell.key in known_as
    ]
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


def _holes(axis: str, row: Row, regimes: Mapping[str, Regime], known: set[str]) -> Iterator[Hole]:
    positive = [level for level, cell in row if regimes[cell.key] is Regime.POSITIVE]
    for level, cell in row:
        below, above = [p for p in positive if p < level], [p for p in positive if p > level]
        if regimes[cell.key] is not Regime.POSITIVE and below and above:
            yield Hole(cell.key, regimes[cell.key], axis, (below[-1], above[0]), cell.key in known)


def _next(dossier: Dossier, policy: Policy) -> tuple[tuple[NextCell, ...], str | None]:
    """Cells that further sessions could move across the boundary, the least known first, and their command."""
    cells = dossier.on(DEVELOPMENT)
    there = [cell for cell in cells if cell.cell.measurements]
    if not there:
        return (), None
    many, known = several_sizes(dossier.case.attempts), {cell.cell.shape for cell in there}
    wanted = [
        (math.inf, shape, NextCell(cell_key(DEVELOPMENT, shape, many), None, "attempted, and nothing was measured"))
        for shape in dossier.unmeasured(DEVELOPMENT)
        if shape not in known
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
    return "its interval crosses the smallest gain worth having" if low <= policy.gain_floor <= high else None
