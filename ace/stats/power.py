"""What these sessions could have seen, and how many would settle the question.

Used wherever an answer is inconclusive, and by the machine's calibration.  Power by the usual approximation of the
noncentral t with two quantiles (Guenther 1981), chance 80 %.
"""

import math

from ace.stats import student

CHANCE = 0.8


def visible_gain(error: float, df: float, critical: float, margin: float) -> float:
    """Smallest true log gain that would be claimed with 80 % chance, given this standard error."""
    return math.log1p(margin) + (critical + student.quantile(df, CHANCE)) * error


def sessions_to_settle(gain: float, deviation: float, margin: float, level: float, least: int) -> int | None:
    """Sessions for an answer with 80 % chance if the gain is as estimated; None when it sits on the threshold."""
    distance = abs(abs(gain) - math.log1p(margin))
    if distance == 0 or not math.isfinite((deviation / distance) ** 2):
        return None

    def enough(n: float) -> float:
        df = max(n - 1, 1.0)
        return ((student.critical(df, level) + student.quantile(df, CHANCE)) * deviation / distance) ** 2

    n = enough(math.inf)
    for _ in range(4):  # a fixed point: the quantiles depend on n only through the degrees of freedom
        n = enough(max(round(n), least))
    return max(least, math.ceil(n))
