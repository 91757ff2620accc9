"""A straight line through costs: what is paid in any case, and what is paid for each unit of work.

Used by `ace.decide.mechanism` on seconds against FLOPs. Costs on a map span orders of magnitude, so errors are taken
relative to the cost: otherwise the largest cell alone would set the fixed part, which the smallest cells show.
"""

from collections.abc import Sequence

import numpy as np

from ace.domain.estimate import Estimate
from ace.domain.mapping import Line
from ace.stats import student

FEWEST = 4  # two for the line and two to see how badly it fits
DISTINCT = 1.05  # work must vary by more than this factor, or the fixed part is an extrapolation


def cost_line(work: Sequence[float], cost: Sequence[float], *, confidence: float = 0.95) -> Line | None:
    """cost = intercept + slope * work, weighted least squares with weights 1/cost^2 (Draper and Smith 1998, chapter 9).

    work, cost: positive, one entry a point; the slope is in units of cost per unit of work. Intervals are Student's
    with n - 2 degrees of freedom. None for fewer than four points or where work hardly varies.
    """
    x, y = np.asarray(work, dtype=float), np.asarray(cost, dtype=float)  # (points,) each
    if len(x) < FEWEST or x.min() <= 0 or y.min() <= 0 or x.max() / x.min() < DISTINCT:
        return None
    scale = float(x.mean())
    design = np.column_stack([1 / y, x / scale / y])  # (points, 2); the target is 1 everywhere
    (fixed, rate), *_ = np.linalg.lstsq(design, np.ones(len(y)), rcond=None)
    fitted = fixed + rate * x / scale
    df = len(x) - 2
    variance = float((((y - fitted) / y) ** 2).sum()) / df
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    reach = student.critical(df, 1 - confidence) * errors
    return Line(
        intercept=_within(float(fixed), float(reach[0])),
        slope=_within(float(rate) / scale, float(reach[1]) / scale),
        residuals=tuple(((y - fitted) / y).tolist()),
    )


def _within(value: float, reach: float) -> Estimate:
    return Estimate(value, value - reach, value + reach)
