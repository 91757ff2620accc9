"""Wilcoxon's signed-rank test over sessions, exact: the cross-check that assumes no normal distribution.

Wilcoxon (1945); the null distribution is counted (one sign flip at a time) and kept, since it depends on n only.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

from ace.stats.intake import FloatArray

EXACT_UP_TO = 50


def signed_rank_p(gains: FloatArray) -> float:
    """Two-sided p that session gains are symmetric about 0; zero gains are kept and ranked (Pratt 1959)."""
    doubled = _doubled_ranks(np.abs(gains))
    sizes = doubled[gains != 0]
    positive, total = int(sizes[gains[gains != 0] > 0].sum()), int(sizes.sum())
    if total == 0:
        return 1.0
    extreme = min(positive, total - positive)
    if len(sizes) > EXACT_UP_TO:
        spread = float(np.sqrt((sizes.astype(float) ** 2).sum()) / 2)
        return min(1.0, 2 * float(special.ndtr((extreme + 0.5 - total / 2) / spread)))
    return min(1.0, 2 * float(_lower_tails(tuple(sorted(sizes.tolist())))[extreme]))


def _doubled_ranks(sizes: FloatArray) -> npt.NDArray[np.int64]:
    """Ranks times two, so that the middle rank of a tie is a whole number."""
    _, place, ties = np.unique(sizes, return_inverse=True, return_counts=True)
    doubled: npt.NDArray[np.int64] = (2 * np.cumsum(ties) - ties + 1)[place]
    return doubled


@lru_cache(maxsize=256)
def _lower_tails(sizes: tuple[int, ...]) -> FloatArray:
    """P(sum of a random half of `sizes` <= k) for every k; sizes are ranks times two, so ties stay whole numbers."""
    ways = np.zeros(sum(sizes) + 1)
    ways[0] = 1.0
    for size in sizes:
        ways[size:] = (ways[size:] + ways[: len(ways) - size]) / 2 if size else ways
        ways[:size] /= 2
    return np.cumsum(ways)
