"""Rules mechanism absent and too good: did the declared saving happen, and can it explain the gain?

The witness is measurement's own (hooks and counts in untimed calls), never the executor's word. Masking is not
dropping.
"""

import math
from collections.abc import Iterator
from statistics import median

from ace.decide.estimates import CellEstimate
from ace.domain.decision import percent
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.policy import Policy
from ace.domain.record import BASELINE, CANDIDATE, Session, Witness

NOTHING_DECLARED = "the executor declares no reduction of work"


def mechanism_absent(cell: CellEstimate, policy: Policy) -> Finding:
    """Declared tokens per layer against those that the candidate's layers were seen to be given."""
    threshold = f"tokens seen in each layer <= declared + {policy.mechanism_tolerance:.0%}"

    def answer(outcome: Outcome, evidence: str, next_step: str = "") -> Finding:
        return Finding("mechanism absent", outcome, Severity.BLOCK, cell.key, evidence, threshold, next_step)

    declaring = [
        (s, s.declared_tokens_per_layer) for s in cell.cell.sessions if s.declared_tokens_per_layer is not None
    ]
    if not cell.cell.sessions:
        return answer(Outcome.NO_EVIDENCE, "no session was measured", "measure this cell")
    if not declaring:
        return answer(Outcome.NOT_APPLICABLE, NOTHING_DECLARED)
    absent = [text for s, said in declaring if (text := _absence(s, said, policy.mechanism_tolerance))]
    if absent:
        return answer(
            Outcome.FAIL,
            f"{len(absent)} of {len(declaring)} sessions; {absent[0]}",
            "drop the tokens rather than mask them, or correct what the executor declares",
        )
    seen = _witness(declaring[0][0], CANDIDATE)
    shown = list(seen.tokens_per_layer) if seen and seen.tokens_per_layer else []
    return answer(Outcome.PASS, f"tokens per layer {shown}, as declared, in {len(declaring)} sessions")


def _absence(session: Session, declared: tuple[int, ...], tolerance: float) -> str | None:
    witness = _witness(session, CANDIDATE)
    if witness is None or witness.tokens_per_layer is None:
        return f"session {session.index}: {list(declared)} tokens per layer declared, no layer seen"
    seen = witness.tokens_per_layer
    if len(seen) != len(declared):
        return f"session {session.index}: {len(declared)} layers declared, {len(seen)} seen"
    if any(s > d * (1 + tolerance) for s, d in zip(seen, declared, strict=True)):
        return f"session {session.index}: {list(declared)} tokens per layer declared, {list(seen)} seen"
    return None


def too_good(cell: CellEstimate, policy: Policy) -> Finding:
    """A reduction of work cannot speed up by more than the work it removes, caches aside."""
    factor = policy.too_good_factor
    threshold = f"lower bound of the speed-up <= {factor:g} x the reduction of FLOPs seen"

    def answer(outcome: Outcome, evidence: str, next_step: str = "") -> Finding:
        return Finding("too good", outcome, Severity.BLOCK, cell.key, evidence, threshold, next_step)

    if cell.bounds.low is None:
        return answer(Outcome.NO_EVIDENCE, "no interval of the gain", "measure this cell")
    if all(s.declared_tokens_per_layer is None for s in cell.cell.sessions):
        return answer(Outcome.NOT_APPLICABLE, NOTHING_DECLARED)
    ratios = list(_flops_ratios(cell.cell.sessions))
    if not ratios:
        return answer(
            Outcome.NO_EVIDENCE,
            "FLOPs could not be counted in both arms",
            "run the executor without compilation once, so that its work can be counted",
        )
    reduction = median(ratios)
    shown = f"speed-up at least {percent(cell.bounds.low)}, work seen reduced {reduction:.2f} times"
    if cell.bounds.low > math.log(factor * reduction):
        return answer(
            Outcome.FAIL,
            f"{shown}: the work removed does not explain it",
            "look for work that is skipped or moved out of the timed call, and declare what else is saved",
        )
    return answer(Outcome.PASS, shown)


def _flops_ratios(sessions: tuple[Session, ...]) -> Iterator[float]:
    """Baseline over candidate, where both were counted."""
    for session in sessions:
        base, candidate = _witness(session, BASELINE), _witness(session, CANDIDATE)
        if base and candidate and base.flops and candidate.flops:
            yield base.flops / candidate.flops


def _witness(session: Session, arm: str) -> Witness | None:
    return next((witness for witness in session.witness if witness.arm == arm), None)
