"""Which axes of a sweep matter: what doubling one of them changes, averaged over the grid that was measured.

Used by `judge` for gains and for the baseline's time.  The slopes are contrasts of cell means (analysis of variance
with the measured cells as fixed effects: Fisher 1925), so they speak of these cells and of no others; their error comes
from sessions, with Welch's (1947) degrees of freedom because cells differ in spread.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ace.domain.estimate import AxisEffect, Estimate
from ace.stats import student
from ace.stats.intake import FloatArray

NEGLIGIBLE = 1e-9


def axis_effects(
    axes: Mapping[str, Sequence[float]], samples: Sequence[FloatArray], *, confidence: float = 0.95
) -> tuple[AxisEffect, ...]:
    """One effect for each axis that varies and is not confounded with another.

    axes: the level of every cell by axis, above 0; samples: one array of session values (natural logs) for each cell,
    of at least two sessions.
    """
    varied = {name: np.log2(np.asarray(levels)) for name, levels in axes.items() if len(set(levels)) > 1}
    if not varied:
        return ()
    means = np.array([sample.mean() for sample in samples])
    variances = np.array([sample.var(ddof=1) / len(sample) for sample in samples])
    dfs = np.array([len(sample) - 1 for sample in samples])
    design = np.column_stack([np.ones(len(means)), *varied.values()])
    weights = np.linalg.pinv(design)  # (1 + axes, cells)
    found = []
    for column, name in enumerate(varied, start=1):
        if np.linalg.matrix_rank(np.delete(design, column, axis=1)) == np.linalg.matrix_rank(design):
            continue  # moves together with the others: nobody can say which of them it was
        parts = weights[column] ** 2 * variances
        error = math.sqrt(parts.sum())
        df = parts.sum() ** 2 / max((parts**2 / dfs).sum(), np.finfo(float).tiny) if error else 1.0
        reach = student.critical(max(df, 1.0), 1 - confidence) * error
        slope = float(weights[column] @ means)
        found.append(AxisEffect(name, Estimate(slope, slope - reach, slope + reach), _share(name, varied, means)))
    return tuple(found)


def _share(name: str, varied: Mapping[str, FloatArray], means: FloatArray) -> float:
    """Share of the variation between cells that this axis explains and the others do not, whatever its form."""
    total = float(((means - means.mean()) ** 2).sum())
    if total < NEGLIGIBLE**2:
        return 0.0
    others = _left_over([levels for other, levels in varied.items() if other != name], means)
    return max(0.0, (others - _left_over(list(varied.values()), means)) / total)


def _left_over(axes: Sequence[FloatArray], means: FloatArray) -> float:
    """Sum of squares that additive effects of the axes' levels leave."""
    columns = [np.ones(len(means)), *(levels == level for levels in axes for level in np.unique(levels)[1:])]
    design = np.column_stack(columns).astype(float)
    fitted = design @ np.linalg.lstsq(design, means, rcond=None)[0]
    return float(((means - fitted) ** 2).sum())
