"""Evidence that may be looked at for ever: e-processes for the median of a stream of gains and for a bounded mean.

Used by the guard, whose shadow samples have no declared end.  Under "the median gain is at most `null_gain`", or "the
mean of the losses is at most 0", the process is a nonnegative supermartingale starting at 1, so by Ville's inequality
it ever reaches 1/alpha with probability at most alpha, whatever the distribution (Robbins 1970; Ramdas et al. 2023).
"""

import numpy as np
import numpy.typing as npt
from scipy import special

from ace.errors import EvidenceError
from ace.stats.intake import FloatArray

STAKES = np.array([0.02, 0.05, 0.1, 0.2, 0.5, 0.9])
"""Shares of the wealth that are bet, side by side: small ones for small means, below 1 so that none is ever ruined."""


def e_process(gains: FloatArray, null_gain: float = 0.0) -> FloatArray:
    """E-value after each gain against "the median gain is at most `null_gain`".  (n,) -> (n,).

    Pass the negated gains and the negated null for the other direction.  Counts signs with a uniform mixture over
    chances above one half; a gain equal to the null counts against the evidence.
    """
    gains = np.asarray(gains, dtype=np.float64)
    if not np.isfinite(gains).all():
        raise EvidenceError(f"gain {int(np.flatnonzero(~np.isfinite(gains))[0])} is not a finite number")
    counts = np.arange(1, len(gains) + 1)
    return _e_values(np.cumsum(gains > null_gain), counts)


def e_value(above: int, n: int) -> float:
    """E-value after `n` gains of which `above` exceeded the null: the last entry of `e_process`, for whoever counts."""
    return float(_e_values(np.array([above]), np.array([n]))[0])


def _e_values(above: npt.NDArray[np.int64], n: npt.NDArray[np.int64]) -> FloatArray:
    a, b = above + 1.0, n - above + 1.0
    # 2 * integral over (1/2, 1) of p^above (1-p)^below dp, against (1/2)^n, in logs because 2^n leaves float64.
    with np.errstate(divide="ignore"):  # the upper half may hold no mass that float64 can see: e-value 0
        log_e = (n + 1) * np.log(2) + special.betaln(a, b) + np.log(special.betaincc(a, b, 0.5))
    e_values: FloatArray = np.exp(np.minimum(log_e, 700.0))
    return e_values


def staked(log_wealth: tuple[float, ...], loss: float) -> tuple[float, ...]:
    """Log wealth of each of STAKES after one more bet, on a loss from -1 to 1; () before the first.

    Betting on "the mean is above 0" multiplies the wealth by 1 + stake * loss (Waudby-Smith & Ramdas 2024).
    """
    before = np.array(log_wealth) if log_wealth else np.zeros(len(STAKES))
    return tuple((before + np.log1p(STAKES * loss)).tolist())


def wealth(log_wealth: tuple[float, ...]) -> float:
    """E-value against "the mean of the losses is at most 0": the mean over the stakes."""
    return float(np.exp(np.minimum(log_wealth, 700.0)).mean()) if log_wealth else 1.0
