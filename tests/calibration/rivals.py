"""The rules people use today, written from their published descriptions, to be measured on the same machines.

Each takes seconds of both arms, (many, sessions, rounds), and answers +1 (candidate faster), -1 or 0 for each.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

from tests.calibration.noise import FloatArray

Claims = npt.NDArray[np.int64]
RESAMPLES = 200


def t_test(b: FloatArray, c: FloatArray) -> Claims:
    """Student's t on all timings, p < .05 (pyperf's `compare_to`)."""
    b, c = _pooled(b, c)
    return _signed(stats.ttest_ind(b, c, axis=1).pvalue < 0.05, b.mean(axis=1) - c.mean(axis=1))


def mann_whitney(b: FloatArray, c: FloatArray) -> Claims:
    """Mann-Whitney U on all timings, p < .05 (Go's benchstat)."""
    b, c = _pooled(b, c)
    return _signed(_rank_p(b, c) < 0.05, np.median(b, axis=1) - np.median(c, axis=1))


def bootstrap_threshold(b: FloatArray, c: FloatArray) -> Claims:
    """Bootstrap interval of the relative change of means wholly beyond a 1 % noise threshold (criterion.rs)."""
    b, c = _pooled(b, c)
    rng = np.random.default_rng(0)
    n = b.shape[1]
    weights = rng.multinomial(n, np.full(n, 1 / n), size=(2, RESAMPLES)) / n  # (arm, resamples, timings)
    change = (b @ weights[0].T) / (c @ weights[1].T) - 1
    low, high = np.quantile(change, [0.025, 0.975], axis=1)
    return (low > 0.01).astype(np.int64) - (high < -0.01).astype(np.int64)


def factor_and_p(b: FloatArray, c: FloatArray) -> Claims:
    """A factor of 1.1 between medians and Mann-Whitney p < .002 (airspeed velocity)."""
    b, c = _pooled(b, c)
    ratio = np.median(b, axis=1) / np.median(c, axis=1)
    return _signed((np.maximum(ratio, 1 / ratio) > 1.1) & (_rank_p(b, c) < 0.002), ratio - 1)


RIVALS: dict[str, Callable[[FloatArray, FloatArray], Claims]] = {
    "t-test on timings": t_test,
    "Mann-Whitney on timings": mann_whitney,
    "bootstrap + 1 % threshold": bootstrap_threshold,
    "factor 1.1 + p < .002": factor_and_p,
}


def _pooled(b: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray]:
    return b.reshape(len(b), -1), c.reshape(len(c), -1)


def _rank_p(b: FloatArray, c: FloatArray) -> FloatArray:
    return np.asarray(stats.mannwhitneyu(b, c, axis=1, method="asymptotic").pvalue)


def _signed(claimed: npt.NDArray[np.bool_], direction: FloatArray) -> Claims:
    return np.where(claimed, np.sign(direction), 0).astype(np.int64)
