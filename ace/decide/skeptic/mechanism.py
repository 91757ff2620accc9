"""Rules mechanism absent and too good: did the declared saving happen, can it explain the gain, can a machine do it?

The witness is measurement's own (hooks and counts in untimed calls), never the executor's word. Masking is not
dropping.
"""

import math
from statistics import median

from ace.decide.estimates import CellEstimate
from ace.decide.mechanism import flops_ratios
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.policy import Policy
from ace.domain.roofline import NO_PEAK
from ace.domain.session import BASELINE, CANDIDATE, Session
from ace.domain.wording import percent

ROOFLINE = 0.9
"""Of the least time that the machine needs: a tenth is left for a peak that was measured a little low (4-rules)."""
NOTHING_DECLARED = "the executor declares no reduction of work"
NO_SESSION, MEASURE = "no session was measured", "measure this cell"
PEAK_AGAIN = "remove the folder peak from cache_dir and measure this cell again while nothing else runs"


def mechanism_absent(cell: CellEstimate, policy: Policy) -> Finding:
    """Declared tokens per layer against those that the candidate's layers were seen to be given."""
    threshold = f"tokens seen in each layer <= declared + {policy.mechanism_tolerance:.0%}"

    def answer(outcome: Outcome, evidence: str, next_step: str = "") -> Finding:
        return Finding("mechanism absent", outcome, Severity.BLOCK, cell.key, evidence, threshold, next_step)

    sessions = cell.cell.sessions
    declaring = [(s, s.declared_tokens_per_layer) for s in sessions if s.declared_tokens_per_layer is not None]
    words = {s.declared_tokens_per_layer for s in sessions}
    if not cell.cell.sessions:
        return answer(Outcome.NO_EVIDENCE, NO_SESSION, MEASURE)
    if not declaring:
        return answer(Outcome.NOT_APPLICABLE, NOTHING_DECLARED)
    if len(words) > 1:
        return answer(
            Outcome.FAIL,
            f"{len(declaring)} of {len(sessions)} sessions declare a reduction, in {len(words)} different ways; a "
            "claim is about one idea",
            "declare the same in every session, then measure this cell again",
        )
    absent = [text for s, said in declaring if (text := _absence(s, said, policy.mechanism_tolerance))]
    if absent:
        return answer(
            Outcome.FAIL,
            f"{len(absent)} of {len(declaring)} sessions; {absent[0]}; work that is still done explains no gain",
            "drop the tokens rather than mask them, or correct what the executor declares",
        )
    seen = declaring[0][0].seen(CANDIDATE)
    shown = list(seen.tokens_per_layer) if seen and seen.tokens_per_layer else []
    return answer(Outcome.PASS, f"tokens per layer {shown}, as declared, in {len(declaring)} sessions")


def _absence(session: Session, declared: tuple[int, ...], tolerance: float) -> str | None:
    witness = session.seen(CANDIDATE)
    if witness is None or witness.tokens_per_layer is None:
        return f"session {session.index}: {list(declared)} tokens per layer declared, no layer seen"
    seen = witness.tokens_per_layer
    if len(seen) != len(declared):
        return f"session {session.index}: {len(declared)} layers declared, {len(seen)} seen"
    if any(s > d * (1 + tolerance) for s, d in zip(seen, declared, strict=True)):
        return f"session {session.index}: {list(declared)} tokens per layer declared, {list(seen)} seen"
    return None


def too_good(cell: CellEstimate, policy: Policy) -> Finding:
    """A declared reduction of work cannot speed up by more than the work it removes, caches aside."""
    allowed = policy.too_good_factor  # read in any case: coverage asks whether every threshold was
    threshold = f"lower bound of the speed-up <= {allowed:g} x the reduction of FLOPs seen"

    def answer(outcome: Outcome, evidence: str, next_step: str = "") -> Finding:
        return Finding("too good", outcome, Severity.BLOCK, cell.key, evidence, threshold, next_step)

    sessions = cell.cell.sessions
    if not sessions:
        return answer(Outcome.NO_EVIDENCE, NO_SESSION, MEASURE)
    if all(s.declared_tokens_per_layer is None for s in sessions):
        return answer(Outcome.NOT_APPLICABLE, NOTHING_DECLARED)
    if cell.bounds.low is None:
        return answer(Outcome.NO_EVIDENCE, "no interval of the gain", MEASURE)
    ratios = list(flops_ratios(sessions))
    if len(ratios) < len(sessions):
        return answer(
            Outcome.NO_EVIDENCE,
            f"FLOPs were counted in both arms of {len(ratios)} of {len(sessions)} sessions",
            "run the executor without compilation once, so that its work can be counted",
        )
    reduction = median(ratios)
    shown = f"speed-up at least {percent(cell.bounds.low)}, work seen reduced {reduction:.2f} times"
    if cell.bounds.low > math.log(allowed * reduction):
        return answer(
            Outcome.FAIL,
            f"{shown}: the work removed does not explain it",
            "look for work that is skipped or moved out of the timed call, and declare what else is saved",
        )
    return answer(Outcome.PASS, shown)


def beyond_roofline(cell: CellEstimate, _: Policy) -> Finding:
    """No candidate, whatever it declares, does the work that its dispatch shows faster than the machine can.

    What blocks is certain: FLOPs at the peak of the number type they are done in, and bytes at the highest bandwidth
    of any working set, that of a cache. The bandwidth of memory blocks nothing: whether weights come from memory or
    from a cache depends on its size, which a virtual machine misstates, and on the neighbours it is shared with (on a
    shared host 32 MiB came at 50 to 74 GB/s within a quarter of an hour), so an honest claim could be lost to it.
    What that lets through is a forger who saves time at reading alone, up to the ratio of the two bandwidths (3 there),
    in a call of so few FLOPs that reading dominates (under 12 tokens of an encoder); his outputs must still match.
    """
    threshold = f"median call >= {ROOFLINE:g} x roofline (FLOPs at the peak measured, bytes at that of caches)"

    def answer(outcome: Outcome, evidence: str, next_step: str = "", severity: Severity = Severity.BLOCK) -> Finding:
        return Finding("too good", outcome, severity, cell.key, evidence, threshold, next_step)

    candidate, baseline = cell.of_roofline[CANDIDATE], cell.of_roofline[BASELINE]
    if candidate is None or baseline is None:
        return answer(Outcome.NO_EVIDENCE, NO_SESSION, MEASURE)
    shown = f"candidate at {candidate.certain:.0%} of what the machine can do, baseline at {baseline.certain:.0%}"
    if candidate.certain > 1 / ROOFLINE and baseline.certain > 1:
        # the baseline is not under suspicion, so the peak is: something else ran while it was measured
        return answer(Outcome.NO_EVIDENCE, f"{shown}: the peak was measured too low", PEAK_AGAIN)
    if candidate.certain > 1 / ROOFLINE:
        return answer(
            Outcome.FAIL,
            f"{shown}: not all of its work is done in the timed call",
            "look for work that is skipped when timed, or done in a smaller number type than its tensors show",
        )
    if NO_PEAK in candidate.missing:
        return answer(Outcome.NO_EVIDENCE, f"not measured: {NO_PEAK}", MEASURE)
    if candidate.missing:
        unseen = f"not known: {', '.join(candidate.missing)}"
        return answer(Outcome.NO_EVIDENCE, unseen, "nothing to do in this version", Severity.WARN)
    return answer(Outcome.PASS, shown)
