"""What remains of a gain once it is known that it was picked for being large.

The best of k estimates is biased upwards; shrinking all of them towards their common mean by the share of their
spread that is noise takes the bias out (Efron & Morris 1975; Efron 2011).  Used by the skeptic rule `selected`.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from ace.errors import EvidenceError
from ace.stats.intake import FloatArray


@dataclass(frozen=True, slots=True)
class Selected:
    """The best of several cells: where it is, what was seen, what to report, and the posterior standard error."""

    index: int
    raw: float
    shrunk: float
    error: float


def shrink(gains: FloatArray, errors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Posterior means and standard deviations of true gains.  (k,), (k,) -> (k,), (k,)."""
    gains, errors = np.asarray(gains, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if gains.shape != errors.shape or gains.ndim != 1 or not len(gains):
        raise EvidenceError(f"{gains.shape} gains and {errors.shape} standard errors; expected one error for each gain")
    if not (np.isfinite(gains).all() and np.isfinite(errors).all() and (errors > 0).all()):
        raise EvidenceError("gains must be finite and standard errors finite and above 0")
    if len(gains) == 1:
        return gains, errors
    between = _between_variance(gains, errors**2)
    weights = 1 / (errors**2 + between)
    centre = np.average(gains, weights=weights)
    keep = between / (between + errors**2)
    # The second term: the centre itself is estimated (Morris 1983).
    posterior = keep * errors**2 + (1 - keep) ** 2 / weights.sum()
    return centre + keep * (gains - centre), np.sqrt(posterior)


def best_of(gains: FloatArray, errors: FloatArray) -> Selected:
    """The cell with the largest gain, shrunk before it is reported."""
    shrunk, error = shrink(gains, errors)
    index = int(np.argmax(gains))
    return Selected(index, float(gains[index]), float(shrunk[index]), float(error[index]))


def _between_variance(gains: FloatArray, variances: FloatArray) -> float:
    """Paule & Mandel (1982): the spread of true gains at which the weighted residuals are as large as expected."""
    df = len(gains) - 1

    def residual(between: float) -> float:
        weights = 1 / (variances + between)
        return float((weights * (gains - np.average(gains, weights=weights)) ** 2).sum()) - df

    if residual(0.0) <= 0:
        return 0.0
    widest = df * float(np.var(gains, ddof=1))  # there every weighted residual is at most 1 / df of what is expected
    return float(optimize.brentq(residual, 0.0, widest))
