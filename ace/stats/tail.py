"""How a high quantile of two arms compares, with its interval by resampling sessions.

Used by the guardrail on tail latency. A p90 needs few timings for its value and many for its bound: sessions are
resampled whole (Davison & Hinkley 1997, section 3.8), because the slow calls of one session have one cause.
"""

import numpy as np

from ace.domain.estimate import Estimate
from ace.stats.intake import read_pair

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
    spread = [np.quantile(arm[drawn].reshape(RESAMPLES, -1), quantile, axis=1) for arm in (b, c)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(spread[0] - spread[1], [tail, 1 - tail])
    return Estimate(value, min(float(low), value), max(float(high), value))
