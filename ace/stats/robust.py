"""Averages that a spike cannot move, over the last axis.

Used by the session statistic, the warm-up detection and the steadiness guard.  Tukey & McLaughlin (1963) for the
trimmed mean, Yuen (1974) for its standard error.
"""

import numpy as np

from ace.stats.intake import FloatArray

TRIM = 0.3  # of the values on each side, rounded: kept between 2 and 4 of 10, so three spikes to one side do no harm

MEDIAN = 0.5  # trimming all but the middle


def trimmed_mean(values: FloatArray, share: float = TRIM) -> FloatArray:
    """Mean without the lowest and highest `share` of the values.  (..., n) -> (...)."""
    n = values.shape[-1]
    cut = min(round(share * n), (n - 1) // 2)
    kept = np.sort(values, axis=-1)[..., cut : n - cut]
    # Adding from both ends inwards makes trimmed_mean(-x) == -trimmed_mean(x) to the last bit.
    total: FloatArray = (kept + kept[..., ::-1]).sum(axis=-1)
    mean: FloatArray = total / (2 * kept.shape[-1])
    return mean


def yuen(values: FloatArray, share: float) -> tuple[FloatArray, FloatArray, int]:
    """Trimmed mean, its standard error from the winsorised variance, degrees of freedom (Yuen 1974).  (..., n)."""
    n = values.shape[-1]
    cut = int(share * n)
    kept = n - 2 * cut
    ordered = np.sort(values, axis=-1)
    mean = ordered[..., cut : n - cut].mean(axis=-1)
    ordered[..., :cut] = ordered[..., cut : cut + 1]
    ordered[..., n - cut :] = ordered[..., n - cut - 1 : n - cut]
    variance = ordered.var(axis=-1, ddof=1) * (n - 1) / (kept * (kept - 1))
    return mean, np.sqrt(variance), kept - 1
