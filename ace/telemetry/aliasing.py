"""Work that repeats in step with a sensor which looks at a part of the time only.

A100 and H100 look at 25 of every 100 ms (arXiv 2312.02741, section 4). When the period of the work is near U/n every
look falls on the same phase of it, and the energy is wrong by up to 33 % (sd over phases, 3-telemetry), however long
the window is and in each arm differently. Every window begins at a random phase (`windows`), which leaves its own error
as it is and makes it another one in each session: over sessions it averages out, and their scatter shows it.
"""

import math

WORST = 0.33
"""Relative sd over phases of work that is on and off for as long, seen by looks much shorter than it."""
PERIOD_S, LOOK_S = 0.1, 0.025
"""A100 and H100 look at 25 of every 100 ms (arXiv 2312.02741, section 4)."""
BOARDS = ("A100", "A800", "H100", "H800", "H200", "GH200")
"""GA100 and GH100 under the names they are sold as; the paper measured A100 and H100."""
HARMONICS = 50  # of a square wave; the amplitude of the k-th is 1/k


def is_part_time(name: str) -> bool:
    """Whether the sensor of a board of this name looks at a part of the time only."""
    return any(board in name for board in BOARDS)


def alias(iteration_s: float, window_s: float, period_s: float = PERIOD_S, width_s: float = LOOK_S) -> float:
    """Relative uncertainty (k=1) from looks of `width_s` every `period_s` at work that repeats every `iteration_s`.

    Each harmonic k of the work is averaged over a look (|sinc(k w/t)|) and over the n = T/U looks of the window,
    whose phases advance by the fraction d = frac(k U/t): |mean| <= min(1, 1/(n |sin(pi d)|)) (Dirichlet kernel).
    """
    looks = max(window_s / period_s, 1.0)
    parts = (_harmonic(k, iteration_s, period_s, width_s, looks) for k in range(1, HARMONICS + 1))
    return WORST * min(1.0, math.hypot(*parts))


def _harmonic(k: int, iteration_s: float, period_s: float, width_s: float, looks: float) -> float:
    across = math.pi * k * width_s / iteration_s
    within = abs(math.sin(across)) / across
    # a look that is as long as the period sees everything: only what is missing of it can alias
    step = abs(math.sin(math.pi * k * period_s / iteration_s))
    between = min(1.0, 1.0 / (looks * step)) if step > 0 else 1.0
    return within * between / k
