"""What the timings themselves say about how they were taken: position, drift.

Plain numbers with intervals over sessions, for the skeptic to judge; nothing here changes an answer.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from ace.domain.estimate import Estimate
from ace.errors import EvidenceError
from ace.stats import student
from ace.stats.intake import FloatArray, read_arm, read_pair
from ace.stats.robust import trimmed_mean

FEWEST_SERIAL = 6  # sessions; with fewer no order is rare enough


def order_interaction(
    baseline: object, candidate: object, baseline_first: npt.ArrayLike, *, confidence: float = 0.95
) -> Estimate | None:
    """Log gain when the baseline runs first, less that when it runs second; None where a session has one order only.

    Above 0: whoever runs second is faster (or whoever runs first pays).  Mirrored blocks cancel it out of the gain.
    """
    b, c = read_pair(baseline, candidate)
    first = np.asarray(baseline_first, dtype=bool)
    if first.shape != b.shape:
        raise EvidenceError(f"order of shape {first.shape} for timings {b.shape}; expected one flag per round")
    gains, times = b - c, first.sum(axis=1)
    if not len(gains) or not times.all() or (times == b.shape[1]).any():
        return None
    if (times == times[0]).all():  # mirrored blocks: every session has as many of each
        ran_first, ran_second = (gains[order].reshape(len(gains), -1) for order in (first, ~first))
        moves = trimmed_mean(ran_first) - trimmed_mean(ran_second)
    else:
        moves = np.array([trimmed_mean(row[f]) - trimmed_mean(row[~f]) for row, f in zip(gains, first, strict=True)])
    return over_sessions(moves, confidence)


def drift(timings: object, *, confidence: float = 0.95) -> Estimate | None:
    """Log change of one arm's time from the first to the last third of a session; None below two sessions or rounds."""
    log_seconds = np.log(read_arm("arm", timings))
    third = log_seconds.shape[1] // 3
    if third < 1:
        return None
    return over_sessions(trimmed_mean(log_seconds[:, -third:]) - trimmed_mean(log_seconds[:, :third]), confidence)


def serial_dependence(session_gains: FloatArray) -> float | None:
    """P of neighbouring sessions being as much alike if they were independent; None below FEWEST_SERIAL sessions.

    Bartels' (1982) rank version of von Neumann's ratio, one-sided, with his normal approximation.  session_gains:
    (sessions,) in the order in which they ran.
    """
    n = len(session_gains)
    if n < FEWEST_SERIAL:
        return None
    ranks = session_gains.argsort().argsort()
    ratio = float((np.diff(ranks) ** 2).sum()) / (n * (n**2 - 1) / 12)
    variance = 4 * (n - 2) * (5 * n**2 - 2 * n - 9) / (5 * n * (n + 1) * (n - 1) ** 2)
    return float(special.ndtr((ratio - 2) / math.sqrt(variance)))


def over_sessions(values: FloatArray, confidence: float = 0.95) -> Estimate | None:
    """Mean over sessions with Student's interval; None for fewer than two."""
    n = len(values)
    if n < 2:
        return None
    mean = float(values.mean())
    reach = student.quantile(n - 1, (1 + confidence) / 2) * float(values.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - reach, mean + reach)
