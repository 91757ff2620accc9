"""O'Brien-Fleming boundaries for Student's t over a growing number of sessions, with a look after every session.

O'Brien & Fleming (1979) stop when |z_k| > c sqrt(K/k).  Session gains have an unknown spread, so the nominal level of
that boundary is applied to t with k - 1 degrees of freedom (Jennison & Turnbull 2000, section 4.4) and c is
found by simulation of that very statistic, since the normal constant would be a little too small.
`python -m ace.stats.boundaries` prints the table.
"""

import math

import numpy as np
from scipy import special

from ace.errors import EvidenceError
from ace.stats.sessions import MIN_SESSIONS

MOST_SESSIONS = 100_000
MAXIMA = (6, 7, 8, 10, 12, 15, 20, 30, 40, 60, 100)
CONSTANTS = {  # four times 100 000 trials: standard errors .002, .003, .006
    0.90: (1.645, 1.739, 1.786, 1.833, 1.853, 1.865, 1.879, 1.892, 1.900, 1.908, 1.913),
    0.95: (1.960, 2.047, 2.091, 2.127, 2.141, 2.152, 2.163, 2.173, 2.184, 2.190, 2.195),
    0.99: (2.576, 2.650, 2.675, 2.700, 2.706, 2.717, 2.738, 2.742, 2.748, 2.757, 2.765),
}


def constant(max_sessions: int, confidence: float) -> float:
    """c for this maximum; beyond the table it grows so slowly that the last entry stands."""
    whole = isinstance(max_sessions, int | np.integer) and not isinstance(max_sessions, bool)
    if not whole or not MIN_SESSIONS <= max_sessions <= MOST_SESSIONS:
        expected = f"expected a whole number from {MIN_SESSIONS} to {MOST_SESSIONS}"
        raise EvidenceError(f"max_sessions={max_sessions!r} is no sequential design; {expected}")
    if not min(CONSTANTS) <= round(confidence, 9) < 1:
        raise EvidenceError(f"confidence={confidence}; sequential boundaries are calibrated from {min(CONSTANTS)} up")
    # Between levels the ratio of c to the fixed-sample quantile is nearly linear; above the last it only falls.
    levels = np.array([_fixed(level) for level in CONSTANTS])
    ratios = [np.interp(math.log(max_sessions), np.log(MAXIMA), row) for row in CONSTANTS.values()] / levels
    return float(_fixed(confidence) * np.interp(_fixed(confidence), levels, ratios))


def _fixed(confidence: float) -> float:
    return float(special.ndtri((1 + confidence) / 2))


def nominal_level(session: int, max_sessions: int, confidence: float) -> float:
    """Two-sided level that t must beat at this look."""
    return 2 * float(special.ndtr(-constant(max_sessions, confidence) * math.sqrt(max_sessions / session)))


def repeated_p(nominal_p: float, session: int, max_sessions: int, confidence: float) -> float:
    """A p-value that looking has not spoiled: at most 1 - confidence exactly when the boundary is crossed."""
    z = -float(special.ndtri(nominal_p / 2)) * math.sqrt(session / max_sessions)
    return 2 * float(special.ndtr(-z * _fixed(confidence) / constant(max_sessions, confidence)))


def simulate(max_sessions: int, confidence: float, trials: int, seed: int) -> float:
    """c by simulation: the quantile, over null trials, of the largest standardised look."""
    rng = np.random.default_rng(seed)
    largest = np.zeros(trials)
    gains = rng.standard_normal((trials, max_sessions))
    total, squares = gains.cumsum(axis=1), (gains**2).cumsum(axis=1)
    for k in range(MIN_SESSIONS, max_sessions + 1):
        mean = total[:, k - 1] / k
        t = mean / np.sqrt((squares[:, k - 1] / k - mean**2) / (k - 1))
        z = -special.ndtri(special.stdtr(k - 1, -np.abs(t)))
        largest = np.maximum(largest, z * math.sqrt(k / max_sessions))
    return float(np.quantile(largest, confidence))


def _print_table() -> None:
    for confidence in (0.90, 0.95, 0.99):
        found = [np.mean([simulate(k, confidence, 100_000, seed) for seed in range(4)]) for k in MAXIMA]
        print(f"    {confidence}: ({', '.join(f'{c:.3f}' for c in found)}),")


if __name__ == "__main__":
    _print_table()
