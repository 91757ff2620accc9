"""How much worse the candidate's similarities agree with people's: further benchmarks of a split.

Second step of `judge`, beside `quality`. Tested for harm, as parts of the documents are: what people rated pair by pair
is some dozens of documents, which can show a large loss and never that there is none. Repeated measurements score the
same documents, so they are not pooled: the least favourable counts.
"""

from collections.abc import Sequence
from functools import lru_cache

from ace.decide.quality import margin_of
from ace.domain.answers import SimilarityAnswer
from ace.domain.finding import Outcome
from ace.domain.policy import Policy
from ace.domain.quality import Further, Similarity
from ace.domain.record import CellRecord
from ace.stats import CorrelationDifference, correlation_difference

SEED = 0  # of the resampling: the same evidence gives the same bounds
TOO_FEW = "too few documents, or similarities without any spread"


def further_by(records: Sequence[CellRecord], alpha: float, policy: Policy) -> tuple[SimilarityAnswer, ...]:
    """The answer that stands for each further benchmark of a cell, in the order that they were asked in."""
    made: dict[str, list[SimilarityAnswer]] = {}
    for record in records:
        for further in record.further:
            made.setdefault(further.benchmark, []).append(_answer(further, alpha, policy))
    return tuple(min(answers, key=_least_favourable) for answers in made.values())


def _least_favourable(answer: SimilarityAnswer) -> tuple[bool, bool, float]:
    """FAIL first; what was not scored stands only where nothing was."""
    return answer.outcome is not Outcome.FAIL, answer.lcb is None, answer.lcb or 0.0


def _answer(further: Further, alpha: float, policy: Policy) -> SimilarityAnswer:
    margin = margin_of(further.margin, policy)
    scored = further.similarity
    found = None if scored is None else _difference(scored, 1 - 2 * alpha)
    if scored is None or found is None:
        documents = 0 if scored is None else scored.documents
        outcome = Outcome.NOT_APPLICABLE if scored is None else Outcome.NO_EVIDENCE
        nothing = (None,) * 5
        return SimilarityAnswer(further.benchmark, documents, margin, *nothing, outcome, further.reason or TOO_FEW)
    return SimilarityAnswer(
        benchmark=further.benchmark,
        documents=scored.documents,
        margin=margin,
        baseline=found.baseline,
        candidate=found.candidate,
        difference=found.difference,
        lcb=found.low,
        ucb=found.high,
        outcome=Outcome.FAIL if found.high < -margin else Outcome.PASS,
        reason=None,
    )


@lru_cache(maxsize=256)  # cells that differ in batch alone share their embeddings, and so these very numbers
def _difference(scored: Similarity, confidence: float) -> CorrelationDifference | None:
    return correlation_difference(
        scored.human, scored.baseline, scored.candidate, scored.documents, seed=SEED, confidence=confidence
    )
