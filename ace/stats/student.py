"""Student's t: quantiles and tails.

`scipy.special` without the machinery of `scipy.stats` distributions, which would cost more than the whole comparison.
"""

from functools import lru_cache

from scipy import special


@lru_cache(maxsize=4096)
def quantile(df: float, probability: float) -> float:
    """The value that t stays under with this probability."""
    return float(special.stdtrit(df, probability) if df < 1e9 else special.ndtri(probability))


def upper_tail(t: float, df: float) -> float:
    """P(T > t)."""
    return float(special.stdtr(df, -t) if df < 1e9 else special.ndtr(-t))


def critical(df: float, level: float) -> float:
    """What |t| exceeds with this two-sided level; exact for levels far below 1e-16 too, as sequential looks need."""
    return -quantile(df, level / 2)
