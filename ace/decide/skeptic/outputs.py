"""Rules timed is not scored and touched baseline: were the timed calls the real ones, against the real baseline?

A candidate that computes only when it is watched is found by the outputs kept from timed calls; a baseline that the
candidate slowed down is found by its digest, which measurement takes before and after.
"""

from ace.decide.asking import named
from ace.decide.estimates import CellEstimate
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.policy import Policy
from ace.domain.record import BASELINE, CANDIDATE, OutputCheck


def timed_is_not_scored(cell: CellEstimate, policy: Policy) -> Finding:
    """Outputs kept from timed calls against a later recomputation and against the scored ones."""
    limit = policy.output_tolerance
    threshold = f"largest difference <= {limit:g} of the largest output"

    def answer(outcome: Outcome, evidence: str, next_step: str = "") -> Finding:
        return Finding("timed is not scored", outcome, Severity.BLOCK, cell.key, evidence, threshold, next_step)

    checks = [(s.index, check) for s in cell.cell.sessions for check in s.checks]
    if not {BASELINE, CANDIDATE} <= {check.arm for _, check in checks}:
        return answer(
            Outcome.NO_EVIDENCE, "no output was kept from a timed call of each arm", "measure this cell again"
        )
    apart = [
        f"session {index} {check.arm} round {check.round}: {_worst(check):.2g}"
        for index, check in checks
        if _worst(check) > limit
    ]
    if apart:
        return answer(
            Outcome.FAIL,
            f"{len(apart)} of {len(checks)} kept outputs differ: {named(apart)}",
            "make timed and scored calls compute the same, then measure again",
        )
    if cell.quality is not None and not any(check.scored_error is not None for _, check in checks):
        return answer(
            Outcome.NO_EVIDENCE,
            "kept outputs agree with a recomputation; none was compared with a scored one",
            "measure this cell again",
        )
    worst = max(_worst(check) for _, check in checks)
    scored = "and scored" if any(check.scored_error is not None for _, check in checks) else "(nothing was scored)"
    return answer(Outcome.PASS, f"{len(checks)} kept outputs agree with recomputed {scored} ones, worst {worst:.1g}")


def _worst(check: OutputCheck) -> float:
    return max(check.recomputed_error, check.scored_error or 0.0)


def touched_baseline(cell: CellEstimate, _: Policy) -> Finding:
    """The baseline is the same in every session: weights, hooks, mode."""
    threshold = "one baseline digest in all sessions"
    digests = sorted({session.baseline_digest for session in cell.cell.sessions})
    if not digests:
        return Finding(
            "touched baseline",
            Outcome.NO_EVIDENCE,
            Severity.BLOCK,
            cell.key,
            "no session",
            threshold,
            "measure this cell",
        )
    fires = len(digests) > 1
    return Finding(
        "touched baseline",
        Outcome.FAIL if fires else Outcome.PASS,
        Severity.BLOCK,
        cell.key,
        f"{len(digests)} different baselines in {len(cell.cell.sessions)} sessions: {named([d[:12] for d in digests])}",
        threshold,
        "find out what changed the model between sessions, then measure this cell again" if fires else "",
    )
