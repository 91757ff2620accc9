"""Rule timed is not scored: were the timed calls the real ones?

A candidate that computes only when it is watched is found by the outputs kept from timed calls.
"""

from ace.decide.asking import named
from ace.decide.estimates import CellEstimate
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.domain.session import BASELINE, CANDIDATE, OutputCheck, Session


def timed_is_not_scored(cell: CellEstimate, policy: Policy) -> Finding:
    """Outputs kept from timed calls against a later recomputation and against the scored ones."""
    limit = policy.output_tolerance
    threshold = f"largest difference <= {limit:g} of the largest output"

    def answer(outcome: Outcome, evidence: str, next_step: str = "") -> Finding:
        return Finding("timed is not scored", outcome, Severity.BLOCK, cell.key, evidence, threshold, next_step)

    checks = [(s.index, check) for s in cell.cell.sessions for check in s.checks]
    apart = [
        f"session {index} {check.arm} round {check.round}: {_worst(check):.2g}"
        for index, check in checks
        if not _worst(check) <= limit  # NaN is no agreement
    ]
    if apart:
        return answer(
            Outcome.FAIL,
            f"{len(apart)} of {len(checks)} kept outputs differ: {named(apart)}; the time of a call counts for the "
            "answer that is scored, and for no other",
            "make timed and scored calls compute the same, then measure again",
        )
    blind = [text for record in cell.cell.records for s in record.sessions if (text := _blind(s, record))]
    if blind or not checks:
        return answer(Outcome.NO_EVIDENCE, named(blind) or "no output was kept", "measure this cell again")
    worst = max(_worst(check) for _, check in checks)
    scored = "and scored" if any(check.scored_error is not None for _, check in checks) else "(nothing was scored)"
    return answer(Outcome.PASS, f"{len(checks)} kept outputs agree with recomputed {scored} ones, worst {worst:.1g}")


def _blind(session: Session, record: CellRecord) -> str | None:
    """What of a session was not looked at: an arm of which no output was kept, or none of it compared with a score."""
    kept = {arm: [c for c in session.checks if c.arm == arm] for arm in (BASELINE, CANDIDATE)}
    if missing := [arm for arm, checks in kept.items() if not checks]:
        return f"session {session.index}: no output was kept from a timed call of {named(missing)}"
    unscored = [arm for arm, checks in kept.items() if any(check.scored_error is None for check in checks)]
    if record.quality is not None and unscored:
        return f"session {session.index}: kept outputs of {named(unscored)} were not compared with scored ones"
    return None


def _worst(check: OutputCheck) -> float:
    return max(check.recomputed_error, check.scored_error or 0.0)
