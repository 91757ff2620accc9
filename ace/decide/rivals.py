"""How the rivals of a cell did: their gain and quality, and how far the candidate is ahead of them.

Second step of `judge`, beside the candidate's own numbers; what follows from it is the fairness gate's matter. A rival
is what it was made from: two of one name and other parameters are two rivals, and neither replaces the other.
"""

from collections.abc import Sequence
from dataclasses import replace

from ace.decide.quality import difference, judged
from ace.decide.scores import Scores, joined, scores_of
from ace.decide.series import arm_seconds
from ace.domain.answers import RivalAnswer
from ace.domain.estimate import Comparison
from ace.domain.plan import RivalSpec
from ace.domain.policy import Policy
from ace.domain.record import CellRecord, RivalResult
from ace.domain.session import BASELINE, CANDIDATE, Session
from ace.stats import compare


def rivals_of(records: Sequence[CellRecord], alpha: float, policy: Policy) -> tuple[RivalAnswer, ...]:
    """One answer a rival, from all measurements that timed this very one; one that never could run says why."""
    asked = dict.fromkeys(spec for record in records for spec in record.plan.rivals)
    return tuple(_answer(spec, [r for r in records if spec in r.plan.rivals], alpha, policy) for spec in asked)


def _answer(spec: RivalSpec, records: Sequence[CellRecord], alpha: float, policy: Policy) -> RivalAnswer:
    results = [(result, record) for record in records for result in record.rivals if result.name == spec.name]
    ran = [(result, record) for result, record in results if result.failure is None]
    own, ahead = (_faster(records, *pair, alpha, policy) for pair in ((BASELINE, spec.name), (spec.name, CANDIDATE)))
    scores = joined([scores_of(record, r.quality) for r, record in ran if r.quality is not None])
    against = joined([found for r, record in ran if (found := _against(r, record)) is not None])
    failure = None if ran else next((result.failure for result, _ in results), "it was not examined")
    return RivalAnswer(
        name=spec.name,
        role=spec.role,
        target=spec.executor.target,
        gain=own.gain,
        low=own.low,
        high=own.high,
        ahead_low=ahead.low,
        ahead_high=ahead.high,
        reasons=ahead.reasons,
        # of scorings that cannot be put together the one that is kindest to the rival, and least to the candidate
        quality=max((judged(s, alpha, policy) for s in scores), key=lambda found: found.lcb, default=None),
        against=min((difference(s.quality, alpha, policy) for s in against), key=lambda found: found.lcb, default=None),
        token_share=_token_share([s for record in records for s in record.sessions], spec.name),
        failure=failure,
    )


def _token_share(sessions: Sequence[Session], rival: str) -> float | None:
    """Tokens that the rival's layers were seen to be given over those of the candidate's, all layers together."""
    pairs = [(_tokens(session, rival), _tokens(session, CANDIDATE)) for session in sessions]
    seen = [(own, of) for own, of in pairs if own and of]
    return sum(own for own, _ in seen) / sum(of for _, of in seen) if seen else None


def _tokens(session: Session, arm: str) -> int | None:
    witness = session.seen(arm)
    return sum(witness.tokens_per_layer) if witness is not None and witness.tokens_per_layer else None


def _against(rival: RivalResult, record: CellRecord) -> Scores | None:
    """The candidate's scores with the rival's in the place of the baseline's, example by example."""
    scores, theirs = record.quality, rival.quality
    if scores is None or theirs is None or len(scores.candidate) != len(theirs.candidate):
        return None
    return scores_of(record, replace(scores, baseline=theirs.candidate))


def _faster(records: Sequence[CellRecord], slow: str, fast: str, alpha: float, policy: Policy) -> Comparison:
    """How much faster one arm is than another, by one-sided bounds."""
    pair = arm_seconds([session for record in records for session in record.sessions], slow, fast)
    return compare(*pair, margin=policy.margin, confidence=1 - 2 * alpha)
