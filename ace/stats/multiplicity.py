"""Many answers at once: Holm's step-down and the simultaneous level whose intervals never contradict it.

Used by `compare_cells` and by `screen_and_confirm`.
"""

import numpy as np

from ace.stats.intake import FloatArray


def holm_adjusted(p_values: FloatArray) -> FloatArray:
    """Adjusted p-values: reject those <= alpha and the chance of any wrong one is <= alpha (Holm 1979)."""
    m = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate((m - np.arange(m)) * p_values[order])
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def simultaneous_level(confidence: float, cells: int) -> float:
    """The level of each of `cells` intervals so that all hold together (Dunn 1961): what it shows, Holm shows too."""
    return 1 - (1 - confidence) / cells
