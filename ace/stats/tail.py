"""How a high quantile of two arms compares, with its interval by resampling sessions.

Used by the guardrail on tail latency. A p90 needs few timings for its value and many for its bound: sessions are
resampled whole (Davison & Hinkley 1997, section 3.8), because the slow calls of one session have one cause.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ace.domain.estimate import Estimate
from ace.stats.intake import FloatArray, read_pair

RESAMPLES = 2000
DEEP = 2  # times as many timings as are needed: sessions that a resample leaves out count for nothing; few go deeper


def quantile_gain(
    baseline: object, candidate: object, quantile: float, *, seed: int, confidence: float = 0.95
) -> Estimate | None:
    """Log ratio of the arms' `quantile` over all timings; None below two sessions.  (sessions, timings) seconds."""
    b, c = read_pair(baseline, candidate)  # logs
    sessions = len(b)
    if sessions < 2 or not b.size:
        return None
    of_arms = np.quantile((b.ravel(), c.ravel()), quantile, axis=1)
    value = float(of_arms[0] - of_arms[1])
    times = _times_drawn(seed, sessions)
    spread = [_quantile_of_resamples(arm, times, quantile) for arm in (b, c)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(spread[0] - spread[1], [tail, 1 - tail])
    return Estimate(value, min(float(low), value), max(float(high), value))


@lru_cache(maxsize=8)
def _times_drawn(seed: int, sessions: int) -> npt.NDArray[np.int16]:
    """How often each session stands in each resample, (sessions, resamples): the same for all cells of a map."""
    drawn = np.random.default_rng(seed).integers(sessions, size=(RESAMPLES, sessions))
    times: npt.NDArray[np.int16] = (drawn[:, :, None] == np.arange(sessions)).sum(axis=1).T.astype(np.int16)
    return times


def _quantile_of_resamples(arm: FloatArray, times: npt.NDArray[np.int16], quantile: float) -> FloatArray:
    """The quantile of each resample, by linear interpolation as numpy's.  arm: (sessions, timings); times: how often
    each session stands in each resample, (sessions, resamples) -> (resamples,).

    Timings are sorted once, and a resample only counts how many of each lie above: no resample is ever written out, and
    of a high quantile only the upper timings are looked at.
    """
    order = np.argsort(arm, axis=None)[::-1]
    rank = (arm.size - 1) * quantile
    first = int(rank)
    part = rank - first
    needed = arm.size - 1 - first  # place of the lower neighbour, counted from above
    sessions = order // arm.shape[1]
    places = needed, max(needed - 1, 0)
    below = _counted(times, sessions[: DEEP * (needed + 1)], places)
    if shallow := np.flatnonzero(below[0] == min(arm.size, DEEP * (needed + 1))).tolist():
        below[:, shallow] = _counted(times[:, shallow], sessions, places)
    values = arm.ravel()[order]
    low, high = (values[count] for count in below)
    gap = high - low
    found: FloatArray = high - gap * (1 - part) if part >= 0.5 else low + gap * part  # as numpy, to the last bit
    return found


def _counted(
    times: npt.NDArray[np.int16], sessions: npt.NDArray[np.int64], places: tuple[int, int]
) -> npt.NDArray[np.int32]:
    """How many of the timings of these `sessions`, highest first, lie at or above each place.  -> (2, resamples)"""
    above = times[sessions]  # (timings, resamples)
    for before, own in pairwise(above):
        own += before  # row by row: numpy adds up down the columns, and takes three times as long
    return np.stack([(above <= place).sum(axis=0, dtype=np.int32) for place in places])
