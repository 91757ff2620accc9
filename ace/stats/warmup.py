"""Where a session's warm-up ends: the same cut for both arms and all sessions of a cell, in whole blocks.

A block (rounds 2k and 2k+1) is cut while either arm, or the ratio of the two, differs from the blocks after it beyond
chance over sessions: Welch's procedure (1983) of averaging over replications, with Yuen's trimmed t (1974) in place of
the eye.  What a test cannot see still biases: the decay of the cut blocks is extended into the kept ones, and more
blocks go until the bias that it predicts is small against the standard error.  Where no admissible cut achieves
that, the warm-up has not settled.  Every rule treats both arms alike, so it cannot lean the gain.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ace.stats import student
from ace.stats.intake import FloatArray
from ace.stats.robust import MEDIAN, trimmed_mean, yuen

CHANCE = 0.025  # one-sided; a needless cut costs a little precision, a missed warm-up costs the verdict
SEGMENTS = 20  # long sessions are looked at in segments of whole blocks
SESSION_TRIM = 0.2
TOLERATED_BIAS = 0.5  # in standard errors of the gain: false claims then stay near the declared rate
FASTEST_DECAY, SLOWEST_DECAY = 1e-3, 0.95  # per segment; slower cannot be told from no decay
MOST = 0.6  # of a session may be warm-up; what is left must still show whether it is steady
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Rounds to cut from the start of each cell, and whether what is left has settled.  Both (cells,)."""

    rounds: npt.NDArray[np.int64]
    settled: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Levels:
    """Mean logs per segment of `width` rounds: baseline, candidate, their ratio.  (3, cells, sessions, segments)."""

    series: FloatArray
    width: int

    @property
    def most(self) -> int:
        """Segments that may be cut: at least two stay, so that the steadiness guard has something to compare."""
        segments = int(self.series.shape[-1])
        return max(1, min(segments - 2, math.floor(MOST * segments)))

    def excess(self, segment: int, over: int) -> tuple[FloatArray, FloatArray, int]:
        """Of a segment over the median of those from `over` on: mean, error (3, cells) and df over sessions."""
        return yuen(self.series[..., segment] - trimmed_mean(self.series[..., over:], MEDIAN), SESSION_TRIM)


def find_warm_up(log_baseline: FloatArray, log_candidate: FloatArray) -> WarmUp:
    """(cells, sessions, rounds) twice."""
    cells, sessions, rounds = log_baseline.shape
    if sessions < 2 or rounds < 4:
        return WarmUp(np.zeros(cells, dtype=np.int64), np.ones(cells, dtype=bool))
    levels = _segment(log_baseline, log_candidate)
    cut = _visible(levels)
    settled = np.ones(cells, dtype=bool)
    visible = cut.copy()  # what is cut further below must not be taken for a cell of its new number
    for seen in set(visible[visible > 0].tolist()):
        chosen = np.flatnonzero(visible == seen)
        gains = trimmed_mean((log_baseline - log_candidate)[chosen, :, seen * levels.width :])
        error = gains.std(axis=1, ddof=1) / math.sqrt(sessions)
        further = _further(_Levels(levels.series[:, chosen], levels.width), seen, error)
        cut[chosen] = np.minimum(seen + further, levels.most)
        settled[chosen] = seen + further <= levels.most
    return WarmUp(cut * levels.width, settled)


def _segment(log_baseline: FloatArray, log_candidate: FloatArray) -> _Levels:
    cells, sessions, rounds = log_baseline.shape
    blocks = rounds // 2
    width = 2 * math.ceil(blocks / SEGMENTS)
    segments = 2 * blocks // width
    arms = np.stack([log_baseline, log_candidate])[..., : segments * width]
    level = arms.reshape(2, cells, sessions, segments, width).mean(axis=-1)
    return _Levels(np.concatenate([level, level[:1] - level[1:]]), width)


def _visible(levels: _Levels) -> npt.NDArray[np.int64]:
    """Segments that differ from those after them beyond chance, counted from the start without a gap.  -> (cells,)."""
    cut = np.zeros(levels.series.shape[1], dtype=np.int64)
    warm = np.ones(len(cut), dtype=bool)
    for segment in range(levels.most):
        mean, error, df = levels.excess(segment, over=segment + 1)
        slower = mean[:2] > student.quantile(df, 1 - CHANCE) * error[:2]
        leaning = np.abs(mean[2]) > student.quantile(df, 1 - CHANCE / 2) * error[2]
        warm &= slower.any(axis=0) | leaning
        if not warm.any():
            break
        cut[warm] = segment + 1
    return cut


def _further(levels: _Levels, cut: int, error: FloatArray) -> npt.NDArray[np.int64]:
    """Segments to cut beyond the visible ones until the predicted bias of the gain is tolerable.  -> (cells,).

    With a decay per segment rho and a ratio still off by x in the last cut segment, the kept n segments are off by
    x rho / (1 - rho) / n on average; each further cut multiplies that by rho.
    """
    kept = levels.series.shape[-1] - cut
    first = max(0, cut - 2)
    earlier, noise, _ = levels.excess(first, over=cut)
    later, _, _ = levels.excess(first + 1, over=cut)
    signal = earlier.copy()
    signal[2] = np.abs(signal[2])  # the ratio may lean either way; an arm that was faster before did not warm up
    clearest = (signal / np.maximum(noise, TINY)).argmax(axis=0)[None]  # (1, cells): which series to read
    fallen = later / np.where(earlier == 0, TINY, earlier)
    decay = np.clip(np.take_along_axis(fallen, clearest, axis=0)[0], FASTEST_DECAY, SLOWEST_DECAY)
    off = np.abs((earlier if cut == 1 else later)[2])
    start, noise, df = levels.excess(0, over=cut)
    leaned = np.abs(start[2]) > student.critical(df, CHANCE) * noise[2]  # both arms may just have slowed down alike
    bias = np.where(leaned, off * decay / (1 - decay) / kept, 0.0)
    overshoot = np.maximum(bias / np.maximum(TOLERATED_BIAS * error, TINY), 1.0)
    further: npt.NDArray[np.int64] = np.ceil(np.log(overshoot) / -np.log(decay)).astype(np.int64)
    return further
