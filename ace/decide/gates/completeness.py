"""Gate complete: is everything there that was planned, and does what is missing favour one arm?

A grid is declared before it runs, so a cell that was dropped afterwards can be seen. A sweep that died is not held
against anybody: its missing cells are named with the command that measures them.
"""

import re
from collections.abc import Iterator
from itertools import count, islice

from ace.decide import commands
from ace.decide.asking import SHOWN, gate, named, passed, some_named
from ace.decide.cells import FINISHED, is_evidence, verified
from ace.decide.dossier import Dossier
from ace.decide.gates.openings import openings
from ace.decide.gates.symmetry import symmetry
from ace.decide.gather import Case
from ace.decide.sweeps import attempted, reused, uncovered
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import FIXED, Shape
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.domain.session import BASELINE, CANDIDATE, NULL
from ace.domain.stored import StoredCell, StoredSweep

NAME = "complete"
RESTORE = "look these runs up in MLflow and restore what they said"
ALL_JOBS = "every planned job has an attempt"
FAILED = "FAILED"
FOREIGN = "FOREIGN"  # of no kind that ACE writes: listed, and not an attempt
TOLD = re.compile(r"(^|; )traceback: ")  # the program's own last words; any other problem is the reader's
DOUBTFUL = re.compile(r"deleted|removed|erased|altered|belongs to another|nothing vouches")
ENDED = (FINISHED, FAILED)  # a sweep whose last job was reached; anything else died on the way


def complete(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Planned jobs, attempts, sessions, openings of sealed cells, and failures per arm."""
    case = dossier.case
    yield from _declared_grids(case)
    yield _attempts(case)
    yield _sessions(case)
    yield from openings(case)
    yield symmetry(case, policy)


def _declared_grids(case: Case) -> Iterator[Finding]:
    """Each sweep that was declared, and those that attempts name although their declaration is gone."""
    yield from (_sweep(case, sweep) for sweep in case.sweeps)
    lost = sorted({a.sweep for a in case.attempts if a.sweep} - {sweep.sweep for sweep in case.sweeps})
    if lost:
        yield gate(
            NAME,
            Outcome.NO_EVIDENCE,
            f"attempts belong to sweep {named(lost)}, whose declared grid is not in the store",
            ALL_JOBS,
            "restore the sweep's run; where it is lost, run the grid again under another experiment.name",
        )
    elif not case.sweeps:
        yield gate(NAME, Outcome.NOT_APPLICABLE, "no multirun: each cell was measured on its own", ALL_JOBS)


def _sweep(case: Case, sweep: StoredSweep) -> Finding:
    threshold = ALL_JOBS
    there = attempted(sweep, case.store.cells) | set(sweep.refused)
    missing = [job for job in sweep.planned if job not in there]
    seen = f"sweep {sweep.sweep} ({sweep.status}): {len(sweep.planned) - len(missing)} of {len(sweep.planned)} jobs"
    if before := reused(sweep, case.store.cells):
        seen += f", {len(before)} of them measured by an earlier one"
    if sweep.refused:
        seen += f", of which could not be run: {named(list(sweep.refused))}"
    if missing and sweep.status in ENDED:
        return gate(
            NAME,
            Outcome.FAIL,
            f"{seen}; no attempt for {named(missing)}, although the sweep ran to its end",
            threshold,
            "restore the missing runs; where they are lost, declare a new sweep under another experiment.name",
        )
    # a sweep may span claims, and whoever measured the job later measured it
    open_jobs = uncovered(missing, [a for a in case.store.cells if is_evidence(a)])
    if open_jobs:
        return gate(
            NAME,
            Outcome.NO_EVIDENCE,
            f"{seen}; not there: {named(open_jobs)}",
            threshold,
            commands.run_again(open_jobs),
        )
    covered = f"; {len(missing)} were measured later" if missing else ""
    return gate(NAME, Outcome.PASS, seen + covered, threshold)


def _attempts(case: Case) -> Finding:
    """Every attempt gave evidence, or says why it could not, or was measured again."""
    threshold = "every attempt finished, failed for a recorded reason, or was measured again"
    dead = [a for a in case.attempts if a.status not in (FINISHED, FOREIGN) and not is_evidence(a)]
    counts = f"{len(case.attempts)} attempts, {len(dead)} without a finished record"
    failed = [a for a in dead if a.status == FAILED]
    silent = [f"run {a.run_id}" for a in failed if not _explained(a)]
    if silent:
        return gate(
            NAME,
            Outcome.FAIL,
            f"{counts}; failed without a recorded reason: {named(silent)}",
            threshold,
            RESTORE,
        )
    again = {_place(a) for a in case.attempts if is_evidence(a) and a.plan is not None}
    waiting = [a for a in dead if a.status != FAILED and (_doubtful(a) or _place(a) not in again)]
    told = "".join(f"; {named([_told(a) for a in some])}" for some in (waiting, failed) if some)
    if waiting:
        step = RESTORE if any(map(_doubtful, waiting)) else _retry(waiting)
        return gate(NAME, Outcome.NO_EVIDENCE, counts + told, threshold, step)
    return gate(NAME, Outcome.PASS, counts + told, threshold)


def _explained(attempt: StoredCell) -> bool:
    """By the failures in its record or the traceback it left: what the reader says about it explains nothing."""
    if attempt.record is not None and attempt.record.failures:
        return verified(attempt)
    return bool(attempt.problem and TOLD.search(attempt.problem))


def _doubtful(attempt: StoredCell) -> bool:
    """Whether something was here that is not here now: measuring again does not bring it back."""
    left = attempt.tagged_digest is not None or attempt.record is not None
    return (left and not verified(attempt)) or bool(attempt.problem and DOUBTFUL.search(attempt.problem))


def _told(attempt: StoredCell) -> str:
    if attempt.record and attempt.record.failures:
        failure = attempt.record.failures[0]
        why = f"{failure.kind} at {failure.stage}: {failure.detail}"
    else:
        why = attempt.problem or f"{attempt.status}, still running or ended without a word"
    return f"run {attempt.run_id}: {why}"


def _place(attempt: StoredCell) -> tuple[str, Shape] | None:
    """Split and shape that an attempt was made at, None where nobody knows."""
    return None if attempt.plan is None else (attempt.plan.benchmark.split, attempt.plan.shape)


def _retry(waiting: list[StoredCell]) -> str:
    jobs = sorted({a.job for a in waiting if a.job})
    if jobs:
        return commands.run_again(jobs)
    plans = [a.plan for a in waiting if a.plan is not None]
    if not plans:
        return "wait for running attempts to end, or measure their cells again"
    split = plans[0].benchmark.split
    return commands.measure(plans[0], None, split, {p.shape for p in plans if p.benchmark.split == split})


def _sessions(case: Case) -> Finding:
    """Planned sessions are a maximum: those missing must have left a failure."""
    finished = [a.record for a in case.attempts if is_evidence(a) and a.record is not None]
    gaps = [text for record in finished if (text := session_gap(record))]
    measured, lost = sum(len(r.sessions) for r in finished), sum(len(r.failures) for r in finished)
    return gate(
        NAME,
        passed(not gaps),
        f"{measured} sessions measured, {lost} failures recorded" + (f"; {named(gaps)}" if gaps else ""),
        "every planned session was measured or left a failure",
        "" if not gaps else "measure these cells again, and keep every session",
    )


def _stopped_early(record: CellRecord) -> bool:
    """Whether a sequential protocol said, after the very sessions that are here, that they settle it."""
    last = record.looks[-1] if record.looks and record.plan.protocol.stopping != FIXED else None
    return last is not None and last.settled and last.sessions == len(record.sessions)


def _within(record: CellRecord) -> str | None:
    """What a session lacks of what was planned, or has beyond it."""
    plan, place = record.plan, f"{record.split} {record.plan.shape}"
    if record.sessions and not record.documents:
        return f"{place}: no document is named, so none can be compared with those of another split"
    if record.sessions and plan.isolated_sessions and record.isolated is None:
        return f"{place}: {plan.isolated_sessions} pairs of each arm alone were planned, and none is there"
    if len(record.sessions) > plan.protocol.sessions:
        return f"{place}: {len(record.sessions)} sessions where {plan.protocol.sessions} were planned"
    for session in record.sessions:
        absent = sorted({BASELINE, NULL, CANDIDATE} - {t.arm for t in session.timings})
        if absent:
            return f"{place} session {session.index}: {named(absent)} was not timed"
        if len(session.order) != plan.protocol.rounds:
            return f"{place} session {session.index}: {len(session.order)} of {plan.protocol.rounds} rounds"
    return None


def session_gap(record: CellRecord) -> str | None:
    """Which planned sessions a record neither holds nor has a failure for, or what one of them lacks."""
    if record.imported is not None or any(failure.session is None for failure in record.failures):
        return None  # sessions are another tool's, or the examination failed: no session was to follow
    accounted = {s.index for s in record.sessions} | {f.session for f in record.failures if f.session is not None}
    planned = max(accounted, default=-1) + 1 if _stopped_early(record) else record.plan.protocol.sessions
    missing = planned - sum(0 <= index < planned for index in accounted)
    if not missing:
        return _within(record)
    # a stranger may have written any number as planned: nothing is made of the missing ones but those that are named
    first = islice((str(index) for index in count() if index not in accounted), min(missing, SHOWN))
    return f"{record.split} {record.plan.shape}: session {some_named(list(first), missing)} neither measured nor failed"
