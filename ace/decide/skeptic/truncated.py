"""Rule truncated: does every token that moves the baseline's answer reach the candidate's?

Single tokens were replaced in untimed calls. A candidate that drops tokens after its first layer, merges them or
computes in fewer bits still answers a little otherwise; one that never reads them answers exactly the same.
"""

from ace.decide.asking import named
from ace.decide.estimates import CellEstimate
from ace.decide.skeptic.bounds import DOUBT, MEASURE, NO_SESSION, answering, tail
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.probes import NO_TOKEN_FELT, PERTURBED

LEAST_POSITIONS = 6  # one a session, of the fewest sessions that anything is judged from


def truncated(cell: CellEstimate, policy: Policy) -> Finding:
    """The share of positions that the candidate does not feel, over all sessions, against the share declared away."""
    tolerance = policy.mechanism_tolerance
    threshold = (
        f"tokens without any effect <= those declared not to reach the first layer + {tolerance:.0%} "
        f"(exact binomial, {DOUBT:g})"
    )
    answer = answering("truncated", cell.key, threshold)
    sessions = cell.cell.sessions
    if not sessions:
        return answer(Outcome.NO_EVIDENCE, NO_SESSION, MEASURE)
    found = [s.probes.perturbed for s in sessions if s.probes.perturbed is not None]
    felt, blind = sum(p.felt for p in found), sum(p.blind for p in found)
    if not felt:
        reasons = {s.probes.why_not(PERTURBED) or "no position was tried" for s in sessions}
        if reasons == {NO_TOKEN_FELT}:
            return answer(Outcome.NOT_APPLICABLE, NO_TOKEN_FELT)
        return answer(Outcome.NO_EVIDENCE, named(sorted(reasons)), MEASURE)
    allowed = min(1.0, sum(p.felt * p.left_out_share for p in found) / felt + tolerance)
    shown = f"{blind} of {felt} replaced tokens move the baseline's answer and not the candidate's"
    if tail(blind, felt, allowed) < DOUBT:
        return answer(
            Outcome.FAIL,
            f"{shown}; {allowed:.0%} are allowed: what is not read is saved without being declared",
            "let every token reach the first layer, or declare how many do: Work(tokens_per_layer=...)",
        )
    if felt < LEAST_POSITIONS:
        return answer(Outcome.NO_EVIDENCE, f"{shown}; {LEAST_POSITIONS} positions are needed", "measure more sessions")
    return answer(Outcome.PASS, shown)
