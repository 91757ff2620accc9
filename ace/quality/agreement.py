"""How nearly two arms answer with the same numbers: relative error, units in the last place, the same class.

What is asked of a candidate that only computes the baseline otherwise (a compiler); shown for every other. Called by
`scoring`.
"""

import numpy as np
from numpy.typing import NDArray

from ace.domain.quality import Agreement

Outputs = NDArray[np.float32]


def agreement(dense: Outputs, candidate: Outputs, same_answer: NDArray[np.bool_]) -> Agreement:
    """dense, candidate: (n, dim) finite; same_answer: (n,), whether both arms name the same class."""
    largest = np.abs(dense).max(axis=1).astype(np.float64)  # (n,)
    difference = np.abs(dense.astype(np.float64) - candidate).max(axis=1)  # (n,)
    # a baseline that answers zero throughout has no scale: any difference is then as large as it is
    error = np.divide(difference, largest, out=difference.copy(), where=largest > 0)
    return Agreement(
        dtype=str(dense.dtype),
        relative_error=tuple(error.tolist()),
        ulps=tuple(np.median(ulps_between(dense, candidate), axis=1).tolist()),
        same_answer=tuple(same_answer.astype(int).tolist()),
    )


def ulps_between(one: Outputs, other: Outputs) -> NDArray[np.int64]:
    """How many float32 numbers lie between each two, counting one end: 0 where equal (Goldberg 1991).

    Finite numbers sorted by value are consecutive integers once negative ones are mirrored; +0 and -0 are one.
    """
    between: NDArray[np.int64] = np.abs(_rank(one) - _rank(other))
    return between


def _rank(values: Outputs) -> NDArray[np.int64]:
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.int32).astype(np.int64)
    ranks: NDArray[np.int64] = np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))
    return ranks
