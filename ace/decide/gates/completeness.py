"""Gate complete: is everything there that was planned, and does what is missing favour one arm?

A grid is declared before it runs, so a cell that was dropped afterwards can be seen. A sweep that died is not held
against anybody: its missing cells are named with the command that measures them.
"""

import math
from collections.abc import Iterator

from ace.decide import commands
from ace.decide.asking import gate, named, passed
from ace.decide.dossier import Dossier
from ace.decide.gather import FINISHED, Case, records
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.record import CANDIDATE, CellRecord
from ace.domain.stored import StoredCell, StoredSweep

NAME = "complete"
ALL_JOBS = "every planned job has an attempt"
FAILED = "FAILED"
ENDED = (FINISHED, FAILED)  # a sweep whose last job was reached; anything else died on the way
ARMS = 3  # a failure has one chance in three to hit the candidate when it prefers no arm


def complete(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Planned jobs, attempts, sessions, and failures per arm."""
    case = dossier.case
    yield from _declared_grids(case)
    yield _attempts(case)
    yield _sessions(case)
    yield _symmetry(case, policy)


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
    attempted = {cell.job for cell in case.store.cells if cell.sweep == sweep.sweep} | set(sweep.refused)
    missing = [job for job in sweep.planned if job not in attempted]
    seen = f"sweep {sweep.sweep} ({sweep.status}): {len(sweep.planned) - len(missing)} of {len(sweep.planned)} jobs"
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
    finished = [a for a in case.attempts if a.status == FINISHED]
    open_jobs = [job for job in missing if not any(commands.covers(a, job) for a in finished)]
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
    dead = [a for a in case.attempts if a.status != FINISHED]
    counts = f"{len(case.attempts)} attempts, {len(dead)} without a finished record"
    failed = [a for a in dead if a.status == FAILED]
    silent = [f"run {a.run_id}" for a in failed if not _explained(a)]
    if silent:
        return gate(
            NAME,
            Outcome.FAIL,
            f"{counts}; failed without a recorded reason: {named(silent)}",
            threshold,
            "look these runs up in MLflow and restore what they said",
        )
    waiting = [a for a in dead if a.status != FAILED and not _measured_again(case, a)]
    told = "".join(f"; {named([_told(a) for a in some])}" for some in (waiting, failed) if some)
    if waiting:
        return gate(NAME, Outcome.NO_EVIDENCE, counts + told, threshold, _retry(waiting))
    return gate(NAME, Outcome.PASS, counts + told, threshold)


def _explained(attempt: StoredCell) -> bool:
    return bool(attempt.problem) or bool(attempt.record and attempt.record.failures)


def _told(attempt: StoredCell) -> str:
    if attempt.record and attempt.record.failures:
        failure = attempt.record.failures[0]
        why = f"{failure.kind} at {failure.stage}: {failure.detail}"
    else:
        why = attempt.problem or f"{attempt.status}, still running or ended without a word"
    return f"run {attempt.run_id}: {why}"


def _measured_again(case: Case, attempt: StoredCell) -> bool:
    plan = attempt.plan
    return plan is not None and any(
        (a.plan.shape, a.plan.benchmark.split) == (plan.shape, plan.benchmark.split)
        for a in case.attempts
        if a.status == FINISHED and a.record is not None and a.plan is not None
    )


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
    finished = [r for a, r in ((a, a.record) for a in case.attempts) if r is not None and a.status == FINISHED]
    gaps = [text for record in finished if (text := _session_gap(record))]
    measured, lost = sum(len(r.sessions) for r in finished), sum(len(r.failures) for r in finished)
    return gate(
        NAME,
        passed(not gaps),
        f"{measured} sessions measured, {lost} failures recorded" + (f"; {named(gaps)}" if gaps else ""),
        "every planned session was measured or left a failure",
        "" if not gaps else "measure these cells again, and keep every session",
    )


def _session_gap(record: CellRecord) -> str | None:
    if any(failure.session is None for failure in record.failures):
        return None  # the examination failed: no session was to follow
    accounted = {s.index for s in record.sessions} | {f.session for f in record.failures}
    missing = sorted(set(range(record.plan.protocol.sessions)) - accounted)
    if not missing:
        return None
    return f"{record.split} {record.plan.shape}: session {named([str(i) for i in missing])} neither measured nor failed"


def _symmetry(case: Case, policy: Policy) -> Finding:
    """Failures that prefer the candidate select its sessions."""
    failures = [f for record in records(case.attempts) for f in record.failures if f.session is not None]
    by_arm = [f.arm for f in failures if f.arm is not None]
    hits = by_arm.count(CANDIDATE)
    p = binomial_p(hits, len(by_arm), 1 / ARMS)
    return gate(
        NAME,
        passed(p >= policy.asymmetry_p),
        f"{len(failures)} sessions failed; {len(by_arm)} name an arm, {hits} of them the candidate (exact p={p:.2g})",
        f"exact p >= {policy.asymmetry_p:g} that failures prefer no arm",
        "" if p >= policy.asymmetry_p else "mend what makes the candidate fail, then measure its cells again",
    )


def binomial_p(hits: int, trials: int, chance: float) -> float:
    """Exact two-sided p of a binomial count: all outcomes no likelier than the one seen."""
    if trials == 0:
        return 1.0
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(chance)
        + (trials - k) * math.log1p(-chance)
        for k in range(trials + 1)
    ]
    return min(1.0, sum(math.exp(log) for log in logs if log <= logs[hits] + 1e-9))
