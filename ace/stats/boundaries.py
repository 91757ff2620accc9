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

MAXIMA = (6, 7, 8, 10, 12, 15, 20, 30, 40, 60, 100)
CONSTANTS: dict[float, tuple[float, ...]] = {}


def constant(max_sessions: int, confidence: float) -> float:
    """c for this maximum; beyond the table it grows so slowly that the last entry stands."""
    if max_sessions < MIN_SESSIONS:
        raise EvidenceError(f"max_sessions={max_sessions}; a sequential design needs at least {MIN_SESSIONS}")
    if confidence not in CONSTANTS:
        raise EvidenceError(f"confidence={confidence}; boundaries are calibrated for {', '.join(map(str, CONSTANTS))}")
    return float(np.interp(math.log(max_sessions), np.log(MAXIMA), CONSTANTS[confidence]))


def nominal_level(session: int, max_sessions: int, confidence: float) -> float:
    """Two-sided level that t must beat at this look."""
    return 2 * float(special.ndtr(-constant(max_sessions, confidence) * math.sqrt(max_sessions / session)))


def repeated_p(nominal_p: float, session: int, max_sessions: int, confidence: float) -> float:
    """A p-value that looking has not spoiled: at most 1 - confidence exactly when the boundary is crossed."""
    z = -float(special.ndtri(nominal_p / 2)) * math.sqrt(session / max_sessions)
    last = float(special.ndtri((1 + confidence) / 2))
    return 2 * float(special.ndtr(-z * last / constant(max_sessions, confidence)))


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
