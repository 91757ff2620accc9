"""The difference of two quality scores over the same examples, with its interval by bootstrap.

Examples are paired (both arms answered them) and resampled together; examples that share a source (a document cut
into several) are resampled as one cluster (Efron & Tibshirani 1993; Field & Welsh 2007).
"""

import numpy as np
import numpy.typing as npt

from ace.domain.estimate import Estimate
from ace.errors import EvidenceError
from ace.stats.intake import FloatArray

RESAMPLES = 2000
AT_ONCE = 2_000_000  # drawn clusters held in memory at a time


def score_difference(
    baseline: npt.ArrayLike,
    candidate: npt.ArrayLike,
    *,
    seed: int,
    clusters: npt.ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Mean of candidate - baseline over examples, (n,) each; `clusters` names the source of each example."""
    difference = _paired(baseline, candidate)
    labels = np.arange(len(difference)) if clusters is None else np.asarray(clusters)
    if labels.shape != difference.shape:
        raise EvidenceError(f"{labels.shape} cluster names for {difference.shape} examples; expected one each")
    _, member = np.unique(labels, return_inverse=True)
    sizes: FloatArray = np.bincount(member).astype(np.float64)
    sums = np.bincount(member, weights=difference).astype(np.float64)
    value = float(difference.mean())
    if len(sizes) < 2:
        raise EvidenceError("one cluster only; expected at least 2 independent sources")
    means = _resampled_means(sums, sizes, np.random.default_rng(seed))
    # Few clusters understate their spread by (k - 1) / k; widening undoes it (Davison & Hinkley 1997, section 2.3).
    means = value + (means - value) * np.sqrt(len(sizes) / (len(sizes) - 1))
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Estimate(value, min(float(low), value), max(float(high), value))


def _paired(baseline: npt.ArrayLike, candidate: npt.ArrayLike) -> FloatArray:
    b, c = np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    if b.shape != c.shape or b.ndim != 1:
        raise EvidenceError(f"scores of shapes {b.shape} and {c.shape}; expected one score per example and arm")
    for arm, scores in (("baseline", b), ("candidate", c)):
        if not np.isfinite(scores).all():
            raise EvidenceError(f"{arm} example {int(np.flatnonzero(~np.isfinite(scores))[0])} has no finite score")
    return c - b


def _resampled_means(sums: FloatArray, sizes: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Means of RESAMPLES draws of whole clusters with replacement."""
    k = len(sums)
    batch = max(1, AT_ONCE // k)
    means = []
    for start in range(0, RESAMPLES, batch):
        drawn = rng.integers(k, size=(min(batch, RESAMPLES - start), k))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(means)
