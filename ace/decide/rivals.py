"""How the rivals of a cell did: their gain and quality, and how far the candidate is ahead of them.

Second step of `judge`, beside the candidate's own numbers; what follows from it is the fairness gate's matter.
"""

from collections.abc import Sequence
from dataclasses import replace

from ace.decide.quality import difference, judged
from ace.decide.series import arm_seconds
from ace.domain.decision import QualityAnswer, RivalAnswer
from ace.domain.estimate import Comparison
from ace.domain.policy import Policy
from ace.domain.record import BASELINE, CANDIDATE, CellRecord, RivalResult
from ace.stats import compare


def rivals_of(records: Sequence[CellRecord], alpha: float, policy: Policy) -> tuple[RivalAnswer, ...]:
    """One answer a rival, of the newest measurement in which it could run; one that never could says why."""
    found = [(rival, record) for record in records for rival in record.rivals]
    newest = {rival.name: (rival, record) for rival, record in found if rival.failure}
    newest |= {rival.name: (rival, record) for rival, record in found if not rival.failure}
    return tuple(_answer(rival, record, records, alpha, policy) for rival, record in newest.values())


def _answer(
    rival: RivalResult, record: CellRecord, records: Sequence[CellRecord], alpha: float, policy: Policy
) -> RivalAnswer:
    own = _faster(records, BASELINE, rival.name, alpha, policy)
    ahead = _faster(records, rival.name, CANDIDATE, alpha, policy)
    return RivalAnswer(
        name=rival.name,
        role=rival.role,
        gain=own.gain,
        low=own.low,
        high=own.high,
        ahead_low=ahead.low,
        ahead_high=ahead.high,
        reasons=ahead.reasons,
        quality=None if rival.quality is None else judged(record, rival.quality, alpha, policy),
        against=_against(rival, record, alpha, policy),
        failure=rival.failure,
    )


def _against(rival: RivalResult, record: CellRecord, alpha: float, policy: Policy) -> QualityAnswer | None:
    """The candidate's scores minus the rival's, example by example."""
    scores, theirs = record.quality, rival.quality
    if scores is None or theirs is None or len(scores.candidate) != len(theirs.candidate):
        return None
    return difference(replace(scores, baseline=theirs.candidate), alpha, policy)


def _faster(records: Sequence[CellRecord], slow: str, fast: str, alpha: float, policy: Policy) -> Comparison:
    """How much faster one arm is than another, by one-sided bounds."""
    pair = arm_seconds([session for record in records for session in record.sessions], slow, fast)
    return compare(*pair, margin=policy.margin, confidence=1 - 2 * alpha)
