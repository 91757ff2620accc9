"""Gate provenance of the scopes energy and ecd: may the joules be believed that a claim rests on?

A record says which source read them, what that source is, how uncertain they are. All of it is worked out again here:
what a source is (`ace.telemetry.facts`), what its raw readings amount to (`ace.telemetry.evidence`), that no readings
stand in two places, and that calls in windows did what timed calls do. What contradicts itself is FAIL, what was not
looked at is NO_EVIDENCE.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import median

from ace.decide import commands
from ace.decide.asking import gate, named
from ace.decide.cells import Cell
from ace.decide.dossier import Dossier
from ace.decide.energy import newest_source, used_sources
from ace.decide.estimates import CellEstimate
from ace.decide.gates.energy import answer, next_step
from ace.decide.power_pairs import Pair, paired
from ace.decide.skeptic.bounds import beyond
from ace.domain.answers import EnergyAnswer
from ace.domain.energy import EnergyWindow, PowerSeries, SourceChoice
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import HOLDOUT
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.domain.session import BASELINE, CANDIDATE, Session
from ace.domain.wording import percent
from ace.telemetry.evidence import contradiction
from ace.telemetry.facts import misnamed

NAME = "provenance"
SAME_CALLS = math.log1p(0.1)  # a loop without pauses may warm what interleaved calls leave cold
FEW_VALUES = 8  # different readings; so few may come twice by themselves
DIGITS = 6  # of readings as shares of their range: two windows that agree to that are one
ASKED = "energy: one source of a grade that supports a claim, as its raw readings say"


def provenance(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Every joule that the claim rests on; FAIL where a record contradicts its own readings, or repeats others'."""
    cells = [c for c in dossier.cells if c.cell.shape in {e.cell.shape for e in dossier.examined}]
    answers = [answer(cell) for cell in cells]
    for cell, found in zip(cells, answers, strict=True):
        yield _of_cell(cell, found, policy)
    if repeated := copies(cell.cell for cell in dossier.cells):
        shown = f"readings stand in the store twice: {named(repeated)}"
        yield gate(NAME, Outcome.FAIL, shown, ASKED, "a copied window adds no evidence; measure these cells again")
    yield from _one_source(dossier, cells)
    if not cells:
        yield gate(NAME, Outcome.NO_EVIDENCE, "no cell was measured", ASKED, "measure a cell")


def _of_cell(cell: CellEstimate, found: EnergyAnswer, policy: Policy) -> Finding:
    again = f"measure this cell once more: {commands.measure_again([cell.cell])}"
    against = _of_records(cell.cell) or _of_timings(cell.cell) or _of_outputs(cell.cell, policy)
    if against is not None:
        step = "restore the record from a backup, or measure again; no energy was read as it says"
        return gate(NAME, Outcome.FAIL, against, ASKED, step, cell.key)
    if found.unclaimable is not None:
        return gate(NAME, Outcome.NO_EVIDENCE, found.unclaimable, ASKED, next_step(found, cell), cell.key)
    if (blind := _unchecked(cell.cell)) is not None:
        return gate(NAME, Outcome.NO_EVIDENCE, blind, ASKED, again, cell.key)
    return gate(NAME, Outcome.PASS, f"{found.grade} by {found.source} ({found.device})", ASKED, cell=cell.key)


def _read(cell: Cell) -> Iterator[tuple[CellRecord, SourceChoice, Session, tuple[EnergyWindow, ...]]]:
    """Every session that energy was read in, with the windows by the source that its record is judged by."""
    for record in cell.records:
        for choice in used_sources(record):
            for session in record.sessions:
                if session.energy is not None:
                    own = tuple(w for w in session.energy.windows if w.source == choice.source)
                    yield record, choice, session, own


def _of_records(cell: Cell) -> str | None:
    """A source that is not what it is said to be, or readings that do not give what is recorded."""
    for record in cell.records:
        for choice in record.energy_sources:
            if choice.source is not None and (said := misnamed(choice, record.plan.telemetry)) is not None:
                return said
    for record, choice, session, windows in _read(cell):
        for window in windows:
            if said := contradiction(window, choice, record.plan.telemetry, record.plan.shape.batch):
                return f"session {session.index}, {window.arm}: {said}"
        for one, other in pairwise(sorted(windows, key=lambda w: w.start_s)):
            if other.start_s < one.start_s + one.work_s:
                return f"session {session.index}: windows of {one.arm} and {other.arm} at the same time"
    return None


def _of_timings(cell: Cell) -> str | None:
    """Whether calls in energy windows take another ratio of time than timed ones."""
    apart = []
    for record, choice, session, _ in _read(cell):
        pair = session.energy and paired(record.plan.telemetry, session.energy, str(choice.source))
        if isinstance(pair, Pair):
            timed = math.log(median(session.wall_s(BASELINE)) / median(session.wall_s(CANDIDATE)))
            apart.append(pair.faster - timed)
    for arm, logs in ((CANDIDATE, apart), (BASELINE, [-log for log in apart])):
        if beyond(logs, SAME_CALLS):
            shown = f"in energy windows the {arm} is {percent(sum(logs) / len(logs))} faster beside the other"
            return f"{shown} than in timed calls, which are those that are scored"
    return None


def _of_outputs(cell: Cell, policy: Policy) -> str | None:
    """Whether an output kept from the calls of a window is another than the one that is scored."""
    limit = policy.output_tolerance
    checks = [(session.index, check) for *_, session, _ in _read(cell) for check in session.energy_checks or ()]
    worst = [(i, c.arm, max(c.recomputed_error, c.scored_error or 0.0)) for i, c in checks]
    apart = [f"session {i} {arm}: {error:.2g}" for i, arm, error in worst if not error <= limit]
    if not apart:
        return None
    return f"outputs of calls in energy windows differ from the same calls outside: {named(apart)} (limit {limit:g})"


def _unchecked(cell: Cell) -> str | None:
    """Windows that count and of which no output was looked at: made before this was asked, or it was taken out."""
    newest = newest_source(cell.records)
    blind = [
        f"session {session.index} {window.arm}"
        for _, choice, session, windows in _read(cell)
        for window in windows
        if newest is not None and choice.driver == newest.driver
        if window.arm not in {check.arm for check in session.energy_checks or ()}
    ]
    return f"no output of the calls in energy windows was looked at: {named(blind)}" if blind else None


def copies(cells: Iterable[Cell]) -> list[str]:
    """Windows whose readings are those of another one, shifted or scaled: a meter never says the same twice.

    What is simulated is left out: a constant always says the same.
    """
    first: dict[object, str] = {}
    again = []
    for cell in cells:
        for record, choice, session, windows in _read(cell):
            for window in windows if not choice.simulated else ():
                place = f"{cell.key} {record.attempt} session {session.index} {window.arm}"
                shape = _shape(window.series)
                original = place if shape is None else first.setdefault(shape, place)
                again += [f"{place} repeats {original}"] if original != place else []
    return again


def _shape(series: PowerSeries) -> object | None:
    """The course of the readings, whatever their zero and unit; None where there is too little of it."""
    if len(set(series.values)) < FEW_VALUES:
        return None
    least = min(series.values)
    span = max(series.values) - least
    return tuple(round((value - least) / span, DIGITS) for value in series.values)


def _one_source(dossier: Dossier, cells: list[CellEstimate]) -> Iterator[Finding]:
    """All cells of a claim by one source, board and driver: else what one shows is not what another claims."""
    by = [(cell, choice) for cell in cells if (choice := newest_source(cell.cell.records)) is not None]
    if len({choice.identity for _, choice in by}) < 2:
        return
    newest, now = max(by, key=lambda pair: pair[0].cell.newest.age)
    old = [cell for cell, choice in by if choice.identity != now.identity]
    told = ", ".join(filter(None, (now.source, now.device_uuid, now.driver and f"driver {now.driver}")))
    shown = f"cells of one claim were measured by several sources, boards or drivers, {newest.key} last, by {told}"
    step = " && ".join(_measure(dossier, cell) for cell in old)
    yield gate(NAME, Outcome.NO_EVIDENCE, shown, ASKED, f"measure the others by it too: {step}")


def _measure(dossier: Dossier, cell: CellEstimate) -> str:
    newest, registered = cell.cell.newest, dossier.case.registration
    if cell.cell.split == HOLDOUT and registered is not None:
        return commands.measure_holdout(newest.record.plan, newest.job, registered, [cell.cell.shape])
    return commands.measure_again([cell.cell])
