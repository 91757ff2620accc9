"""How much worse the candidate's answers are: the paired difference per example, with its bound.

Second step of `judge`, beside the timings. Measurements of one cell draw other documents of its corpus, so they are put
together document by document (`scores`), and an open answer is settled by more documents; each further look is paid
for with a stricter level. A loss that any one measurement shows stays shown. Measurements that do not name their
documents may have scored the same ones, so they are no more evidence together: the least favourable counts, of those
that have more than half as many examples as the largest.

Where the baseline itself is not better than chance, there is nothing to lose and nothing can pass.

Harm to a part is harm: each slice of the documents (by class, by length) is tested too, at a level divided by their
number (Dunn 1961), so that a lossless idea is found harmful in any of them no more often than at one level for all.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ace.decide.scores import Scores, joined, scores_of
from ace.domain.answers import NumbersAnswer, QualityAnswer, SliceAnswer
from ace.domain.finding import Outcome
from ace.domain.policy import Policy
from ace.domain.quality import Agreement, Quality, Slices
from ace.domain.record import CellRecord
from ace.stats import student

FEWEST_IN_PART = 10  # below it two mistakes in a row could look like a rule


def settled(
    records: Sequence[CellRecord], alpha: float, policy: Policy
) -> tuple[QualityAnswer | None, tuple[SliceAnswer, ...]]:
    """The quality difference that stands for a cell, None when no measurement of it was scored, and every part that was
    tested of the scores that stand, in their order."""
    alone = [scores_of(r, r.quality) for r in records if r.quality is not None and r.quality.baseline]
    together = joined(alone)
    every = [*alone, *(scores for scores in together if all(scores is not one for one in alone))]
    answers = [(scores, *_judged(scores, alpha, policy)) for scores in every]
    most = max((answer.n for _, answer, _ in answers), default=0)
    lost = [found for found in answers if found[1].outcome is Outcome.FAIL]
    kept = [found for found in answers if any(found[0] is one for one in together) and 2 * found[1].n > most]
    _, standing, parts = min(lost or kept, key=lambda found: found[1].lcb, default=(None, None, ()))
    return standing, tuple(parts)


def settled_by(records: Sequence[CellRecord], alpha: float, policy: Policy) -> QualityAnswer | None:
    """The quality difference alone."""
    return settled(records, alpha, policy)[0]


def margin_of(own: float | None, policy: Policy) -> float:
    """What may be lost of a benchmark with a margin of its `own`: it may only be stricter than the policy."""
    return policy.quality_margin if own is None else min(own, policy.quality_margin)


def judged(scores: Scores, alpha: float, policy: Policy) -> QualityAnswer:
    """By the margin of its benchmark, with the part of the documents that lost most.

    A loss beyond the margin that is shown in a part is one of the whole.
    """
    return _judged(scores, alpha, policy)[0]


def _judged(scores: Scores, alpha: float, policy: Policy) -> tuple[QualityAnswer, list[SliceAnswer]]:
    margin = margin_of(scores.margin, policy)
    found = difference(scores.quality, alpha, policy, margin)
    parts = _parts(scores.slices, scores.quality, alpha)
    if not parts:
        return found, parts
    harmed = [part for part in parts if part.ucb < -margin]
    worst = min(harmed or parts, key=lambda part: part.ucb if harmed else part.difference)
    outcome = Outcome.FAIL if harmed else found.outcome
    return replace(found, worst=worst, parts=len(parts), outcome=outcome), parts


def _parts(divided: Sequence[Slices], quality: Quality, alpha: float) -> list[SliceAnswer]:
    """The mean loss of every part that is large enough, and its upper bound, at a level divided by the parts."""
    per_example = np.array(quality.candidate) - np.array(quality.baseline)  # (examples,)
    members = [
        (f"{slices.name} {name}", per_example[np.array(slices.of) == index])
        for slices in divided
        for index, name in enumerate(slices.parts)
    ]
    members = [(name, own) for name, own in members if len(own) >= FEWEST_IN_PART]
    made = []
    for name, own in members:
        wide = student.quantile(len(own) - 1, 1 - alpha / len(members)) * float(own.std(ddof=1)) / math.sqrt(len(own))
        made.append(SliceAnswer(name, len(own), float(own.mean()), float(own.mean()) + wide))
    return made


def difference(quality: Quality, alpha: float, policy: Policy, margin: float | None = None) -> QualityAnswer:
    """Candidate minus baseline, a t interval over examples (two-sided at 1 - alpha, its bound one-sided at alpha).

    `margin`: what may be lost, the policy's where it is None.
    """
    margin = policy.quality_margin if margin is None else margin
    baseline, candidate = np.array(quality.baseline), np.array(quality.candidate)  # (examples,) each
    per_example = candidate - baseline
    n, mean = len(per_example), float(per_example.mean())
    error = float(per_example.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    wide, bound = (student.quantile(n - 1, 1 - a) * error if n > 1 else 1.0 for a in (alpha / 2, alpha))
    outcome = _outcome(mean - bound, mean + bound, n, margin, policy.quality_min_examples)
    if outcome is Outcome.PASS and not carries_signal(baseline, alpha, margin, quality.chance):
        outcome = Outcome.NO_EVIDENCE
    return QualityAnswer(
        difference=mean,
        low=mean - wide,
        high=mean + wide,
        lcb=mean - bound,
        n=n,
        metric=quality.metric,
        margin=margin,
        baseline=float(baseline.mean()),
        candidate=float(candidate.mean()),
        outcome=outcome,
        cosine=float(np.mean(quality.cosine)),
        numbers=None if quality.agreement is None else _numbers(quality.agreement),
        parts=0,
        worst=None,
    )


def _numbers(agreement: Agreement) -> NumbersAnswer:
    return NumbersAnswer(
        dtype=agreement.dtype,
        relative_error=max(agreement.relative_error, default=0.0),
        ulps=float(np.median(agreement.ulps)) if agreement.ulps else 0.0,
        same_answer=float(np.mean(agreement.same_answer)) if agreement.same_answer else 0.0,
    )


def carries_signal(scores: NDArray[np.float64], alpha: float, margin: float, chance: float) -> bool:
    """Whether the baseline is better than chance by more than the margin that may be lost.  scores: (examples,)"""
    n = len(scores)
    bound = student.quantile(n - 1, 1 - alpha) * float(scores.std(ddof=1)) / math.sqrt(n)
    return float(scores.mean()) - bound > chance + margin


def _outcome(lcb: float, ucb: float, n: int, margin: float, fewest: int) -> Outcome:
    if n < fewest:
        return Outcome.NO_EVIDENCE
    if lcb > -margin:
        return Outcome.PASS
    return Outcome.FAIL if ucb < -margin else Outcome.NO_EVIDENCE
