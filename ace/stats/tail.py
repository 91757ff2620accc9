"""How a high quantile of two arms compares, with its interval by resampling sessions.

Used by the guardrail on tail latency. A p90 needs few timings for its value and many for its bound: sessions are
resampled whole (Davison & Hinkley 1997, section 3.8), because the slow calls of one session have one cause.
"""

import numpy as np
import numpy.typing as npt

from ace.domain.estimate import Estimate
from ace.stats.intake import FloatArray, read_pair

RESAMPLES = 2000


def quantile_gain(
    baseline: object, candidate: object, quantile: float, *, seed: int, confidence: float = 0.95
) -> Estimate | None:
    """Log ratio of the arms' `quantile` over all timings; None below two sessions.  (sessions, timings) seconds."""
    b, c = read_pair(baseline, candidate)  # logs
    sessions = len(b)
    if sessions < 2 or not b.size:
        return None
    value = float(np.quantile(b, quantile) - np.quantile(c, quantile))
    drawn = np.random.default_rng(seed).integers(sessions, size=(RESAMPLES, sessions))
    times = (drawn[:, :, None] == np.arange(sessions)).sum(axis=1).T.astype(np.int16)  # (sessions, resamples)
    spread = [_quantile_of_resamples(arm, times, quantile) for arm in (b, c)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(spread[0] - spread[1], [tail, 1 - tail])
    return Estimate(value, min(float(low), value), max(float(high), value))


def _quantile_of_resamples(arm: FloatArray, times: npt.NDArray[np.int16], quantile: float) -> FloatArray:
    """The quantile of each resample, by linear interpolation as numpy's.  arm: (sessions, timings); times: how often
    each session stands in each resample, (sessions, resamples) -> (resamples,).

    Timings are sorted once, and a resample only counts how many of each lie below: no resample is ever written out.
    """
    order = np.argsort(arm, axis=None)
    values = arm.ravel()[order]
    below = np.cumsum(times[order // arm.shape[1]], axis=0, dtype=np.int16)  # (timings, resamples)
    rank = (arm.size - 1) * quantile
    first = int(rank)
    part = rank - first
    low, high = (values[(below <= place).sum(axis=0)] for place in (first, min(first + 1, arm.size - 1)))
    gap = high - low
    found: FloatArray = high - gap * (1 - part) if part >= 0.5 else low + gap * part  # as numpy, to the last bit
    return found
