"""How much worse the candidate's answers are: the paired difference per example, with its bound.

Second step of `judge`, beside the timings. Repeated measurements score largely the same documents, so they are not
independent and cannot be pooled. A loss that was shown stays shown. Otherwise the least favourable counts of those that
no other supersedes; only one with at least twice the examples does, so that an open answer can be settled by looking
harder, not by looking again.

Where the baseline itself is not better than chance, there is nothing to lose and nothing can pass.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ace.domain.decision import QualityAnswer
from ace.domain.finding import Outcome
from ace.domain.policy import Policy
from ace.domain.record import CellRecord, Quality
from ace.stats import student


def settled_by(records: Sequence[CellRecord], alpha: float, policy: Policy) -> QualityAnswer | None:
    """The quality difference that stands for a cell; None when no measurement of it was scored."""
    answers = [difference(r.quality, alpha, policy) for r in records if r.quality is not None and r.quality.baseline]
    most = max((answer.n for answer in answers), default=0)
    standing = [a for a in answers if a.outcome is Outcome.FAIL or 2 * a.n > most]
    return min(standing, key=lambda a: (a.outcome is not Outcome.FAIL, a.lcb)) if standing else None


def difference(quality: Quality, alpha: float, policy: Policy) -> QualityAnswer:
    """Candidate minus baseline, a t interval over examples (two-sided at 1 - alpha, its bound one-sided at alpha)."""
    baseline, candidate = np.array(quality.baseline), np.array(quality.candidate)  # (examples,) each
    per_example = candidate - baseline
    n, mean = len(per_example), float(per_example.mean())
    error = float(per_example.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    wide, bound = (student.quantile(n - 1, 1 - a) * error if n > 1 else 1.0 for a in (alpha / 2, alpha))
    outcome = _outcome(mean - bound, mean + bound, n, policy)
    if outcome is Outcome.PASS and not carries_signal(baseline, alpha, policy, quality.chance):
        outcome = Outcome.NO_EVIDENCE
    return QualityAnswer(
        difference=mean,
        low=mean - wide,
        high=mean + wide,
        lcb=mean - bound,
        n=n,
        metric=quality.metric,
        baseline=float(baseline.mean()),
        candidate=float(candidate.mean()),
        outcome=outcome,
        cosine=float(np.mean(quality.cosine)),
    )


def carries_signal(scores: NDArray[np.float64], alpha: float, policy: Policy, chance: float) -> bool:
    """Whether the baseline is better than chance by more than the margin that may be lost.  scores: (examples,)"""
    n = len(scores)
    bound = student.quantile(n - 1, 1 - alpha) * float(scores.std(ddof=1)) / math.sqrt(n)
    return float(scores.mean()) - bound > chance + policy.quality_margin


def _outcome(lcb: float, ucb: float, n: int, policy: Policy) -> Outcome:
    if n < policy.quality_min_examples:
        return Outcome.NO_EVIDENCE
    if lcb > -policy.quality_margin:
        return Outcome.PASS
    return Outcome.FAIL if ucb < -policy.quality_margin else Outcome.NO_EVIDENCE
