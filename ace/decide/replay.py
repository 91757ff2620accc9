"""Judging again from a bundle: which part of the evidence one decision rests on, and the decision that follows from it.

`evidence_of` is what `ace-decide` puts into a bundle, `replayed` what `ace-verify` makes of it. Between them lies only
the bundle, so whatever judgement looks at must be in it: a claim's own attempts, and of the other claims in the store
what a shared sweep says about them.
"""

from dataclasses import replace

from ace.decide.cells import is_evidence
from ace.decide.gather import Case, gather, records
from ace.decide.jobs import covers
from ace.decide.judge import judge
from ace.decide.sweeps import attempted
from ace.decide.tuning import is_kin
from ace.domain.decision import Decision
from ace.domain.policy import Policy
from ace.domain.stored import Evidence, StoredCell
from ace.errors import EvidenceError


def replayed(evidence: Evidence, policy: Policy, claim: str) -> Decision:
    """The decision on `claim`.  Raises EvidenceError when nothing of the evidence belongs to it."""
    for decision in judge(evidence, policy):
        if decision.claim == claim:
            return decision
    raise _unknown(claim)


def evidence_of(claim: str, evidence: Evidence) -> Evidence:
    """A part of `evidence` from which judge makes the same decision on `claim`.

    What is neither cell nor sweep stays. Another claim's member of one of its sweeps stays without its record: that it
    was there, and as what, is all that gate complete asks of it; of other settings of the same idea the plans stay, so
    that they are counted. Raises EvidenceError when there is no such claim.
    """
    case = next((case for case in gather(evidence) if case.claim == claim), None)
    if case is None:
        raise _unknown(claim)
    found = records(case.attempts)
    if not found:
        # It is known only by what the other claims are not: without their records it would be another claim, or none.
        return evidence
    own = {attempt.run_id for attempt in case.attempts}
    ideas = {(record.plan.executor, record.plan.model.name) for record in found}
    sweeps, open_jobs = {sweep.sweep for sweep in case.sweeps}, _open_jobs(case)
    reused = {run_id for sweep in case.sweeps for _, run_id in sweep.reused}
    kept, tried = [], []
    for cell in evidence.cells:
        if cell.run_id in own or _stands_for(cell, open_jobs):
            kept.append(cell)
        elif cell.sweep in sweeps or cell.run_id in reused:
            # where nothing but its record shows that it is not this claim's, that stays too
            alike = cell.plan is None or (cell.plan.executor, cell.plan.model.name) in ideas
            kept.append(cell if alike else replace(cell, record=None))
        elif cell.plan is not None and is_kin(cell.plan, found[-1].plan):
            tried.append(cell.plan)  # another setting of the idea
    return replace(evidence, cells=tuple(kept), sweeps=case.sweeps, tried=(*evidence.tried, *tried))


def _open_jobs(case: Case) -> list[str]:
    """Jobs that no attempt of their sweep answers for, so that gate complete looks for a measurement made later."""
    open_jobs: list[str] = []
    for sweep in case.sweeps:
        there = attempted(sweep, case.store.cells) | set(sweep.refused)
        open_jobs += [job for job in sweep.planned if job not in there]
    return open_jobs


def _stands_for(cell: StoredCell, jobs: list[str]) -> bool:
    return is_evidence(cell) and any(covers(cell, job) for job in jobs)


def _unknown(claim: str) -> EvidenceError:
    return EvidenceError(f"no attempt in the evidence belongs to claim {claim[:12]}")
