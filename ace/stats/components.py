"""Where the uncertainty of a cell's gain comes from: between sessions, from pair to pair, from input to input.

Used by `ace.decide.transfer`.  The within-session part is the squared standard error of the session statistic, a
trimmed mean (Yuen 1974); the null arm runs the same program on the same inputs, so what the candidate
scatters beyond it is not noise of the clock but work that differs between inputs.  What is left between sessions is the
session component of a one-way random-effects analysis of variance (Searle, Casella & McCulloch 1992), cut at 0.
"""

from dataclasses import dataclass

import numpy as np

from ace.stats.intake import FloatArray
from ace.stats.robust import TRIM, trimmed_mean, yuen

FEWEST_ROUNDS = 4  # below it a trimmed mean has no error to speak of


@dataclass(frozen=True, slots=True)
class Components:
    """Parts of the variance of the mean over sessions.  `input` is None where there is no null arm to tell it by."""

    session: float
    pair: float
    input: float | None


def components(candidate: FloatArray, null: FloatArray | None) -> Components | None:
    """candidate, null: log ratios baseline/arm, (sessions, rounds); None for fewer than two sessions or four rounds."""
    sessions, rounds = candidate.shape
    if sessions < 2 or rounds < FEWEST_ROUNDS:
        return None
    within = _within(candidate)
    noise = within if null is None else min(within, _within(null))
    between = float(trimmed_mean(candidate).var(ddof=1))
    return Components(
        session=max(0.0, between - within) / sessions,
        pair=noise / sessions,
        input=None if null is None else (within - noise) / sessions,
    )


def _within(ratios: FloatArray) -> float:
    """Mean squared error of a session's trimmed mean."""
    return float(np.mean(yuen(ratios, TRIM)[1] ** 2))
