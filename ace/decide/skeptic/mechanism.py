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

ROOFLINE = 4.0
"""How much faster the same FLOPs may be done without anybody being asked how: fewer bytes (int8 has a quarter of
float32's, which is this bound), fused kernels, less dispatch. Honest int8 and fusion reach 1.4 to 1.7 here."""
NOTHING_DECLARED = "the executor declares no reduction of work"


def mechanism_absent(cell: CellEstimate, policy: Policy) -> Finding:
    """Declared tokens per layer against those that the candidate's layers were seen to be given."""
    threshold = f"tokens seen in each layer <= declared + {policy.mechanism_tolerance:.0%}"

    def answer(outcome: Outcome, evidence: str, next_step: str = "") -> Finding:
        return Finding("mechanism absent", outcome, Severity.BLOCK, cell.key, evidence, threshold, next_step)

    sessions = cell.cell.sessions
    declaring = [(s, s.declared_tokens_per_layer) for s in sessions if s.declared_tokens_per_layer is not None]
    words = {s.declared_tokens_per_layer for s in sessions}
    if not cell.cell.sessions:
        return answer(Outcome.NO_EVIDENCE, "no session was measured", "measure this cell")
    if not declaring:
        return answer(Outcome.NOT_APPLICABLE, NOTHING_DECLARED)
    if len(words) > 1:
        return answer(
            Outcome.FAIL,
            f"{len(declaring)} of {len(sessions)} sessions declare a reduction, in {len(words)} different ways",
            "declare the same in every session: it is one idea",
        )
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
    """A declared reduction of work cannot speed up by more than the work it removes, caches aside; nothing else by
    more than a roofline allows."""
    declared = any(s.declared_tokens_per_layer is not None for s in cell.cell.sessions)
    allowed = policy.too_good_factor  # read in any case: coverage asks whether every threshold was
    factor = allowed if declared else ROOFLINE
    what = "the reduction of FLOPs seen" if declared else "the FLOPs seen, no reduction being declared"
    threshold = f"lower bound of the speed-up <= {factor:g} x {what}"

    def answer(outcome: Outcome, evidence: str, next_step: str = "", severity: Severity = Severity.BLOCK) -> Finding:
        return Finding("too good", outcome, severity, cell.key, evidence, threshold, next_step)

    if cell.bounds.low is None:
        return answer(Outcome.NO_EVIDENCE, "no interval of the gain", "measure this cell")
    ratios = list(_flops_ratios(cell.cell.sessions))
    if not declared and _untraceable(cell.cell.sessions):
        unseen = "FLOPs of the candidate cannot be counted (compiled), and none are declared to be saved"
        return answer(Outcome.NO_EVIDENCE, unseen, "nothing to do in this version", Severity.WARN)
    if len(ratios) < len(cell.cell.sessions):
        return answer(
            Outcome.NO_EVIDENCE,
            f"FLOPs were counted in both arms of {len(ratios)} of {len(cell.cell.sessions)} sessions",
            "run the executor without compilation once, so that its work can be counted",
        )
    reduction = median(ratios) if declared else max(1.0, median(ratios))
    shown = f"speed-up at least {percent(cell.bounds.low)}, work seen reduced {reduction:.2f} times"
    if cell.bounds.low > math.log(factor * reduction):
        return answer(
            Outcome.FAIL,
            f"{shown}: the work removed does not explain it",
            "look for work that is skipped or moved out of the timed call, and declare what else is saved",
        )
    return answer(Outcome.PASS, shown)


def _untraceable(sessions: tuple[Session, ...]) -> bool:
    """Whether the counter at dispatch could follow the baseline and never the candidate."""
    seen = [(_witness(s, BASELINE), _witness(s, CANDIDATE)) for s in sessions]
    return all(base is not None and base.flops and own is not None and own.flops is None for base, own in seen)


def _flops_ratios(sessions: tuple[Session, ...]) -> Iterator[float]:
    """Baseline over candidate, where both were counted."""
    for session in sessions:
        base, candidate = _witness(session, BASELINE), _witness(session, CANDIDATE)
        if base and candidate and base.flops and candidate.flops:
            yield base.flops / candidate.flops


def _witness(session: Session, arm: str) -> Witness | None:
    return next((witness for witness in session.witness if witness.arm == arm), None)
