"""From numbers to places on paper: the percent scale of a plot and the colour of a gain.

Colours run from orange (slower) over white to purple (faster), which every common form of colour blindness keeps apart
and which dark ink can be read on.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

SLOWER, SAME, FASTER = (224, 130, 20), (247, 247, 247), (128, 115, 172)
LEAST_RANGE = math.log1p(0.1)  # a null map must not look dramatic
LOWEST_PERCENT, HIGHEST_PERCENT = -100.0, 1000.0  # beyond it a mark stands at the rim
MOST_LOG = math.log1p(HIGHEST_PERCENT / 100)
STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


def as_percent(log: float) -> float:
    """A log ratio in percent, cut at what a plot can hold."""
    return 100 * math.expm1(min(log, MOST_LOG))


@dataclass(frozen=True, slots=True)
class Scale:
    """Percent from `low` to `high` on pixels from `bottom` up to `top`; `ticks`: pixel and text."""

    low: float
    high: float
    top: float
    bottom: float
    ticks: tuple[tuple[float, str], ...]

    def at(self, log: float) -> float:
        """The pixel of a log ratio."""
        return _pixel(as_percent(log), self.low, self.high, self.top, self.bottom)


def percent_scale(logs: Iterable[float], top: float, bottom: float) -> Scale:
    """A scale that holds all of `logs` and 0, with round ticks."""
    values = [0.0, *map(as_percent, logs)]
    room = max(0.05 * (max(values) - min(values)), 0.25)
    low, high = max(LOWEST_PERCENT, min(values) - room), min(HIGHEST_PERCENT, max(values) + room)
    step = next((step for step in STEPS if (high - low) / step <= 6), STEPS[-1])
    marks = [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    ticks = tuple((_pixel(mark, low, high, top, bottom), f"{mark:+.3g} %" if mark else "0 %") for mark in marks)
    return Scale(low, high, top, bottom, ticks)


def _pixel(value: float, low: float, high: float, top: float, bottom: float) -> float:
    return round(bottom - (min(max(value, low), high) - low) / (high - low) * (bottom - top), 1)


def colour(log: float | None, reach: float) -> str:
    """`#rrggbb` of a gain, where a gain of `reach` has the full colour."""
    share = 0.0 if log is None else max(-1.0, min(1.0, log / reach))
    end = FASTER if share > 0 else SLOWER
    mixed = (round(same + abs(share) * (full - same)) for same, full in zip(SAME, end, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def reach_of(logs: Iterable[float | None]) -> float:
    """The gain that has the full colour."""
    return max([LEAST_RANGE, *(min(abs(log), MOST_LOG) for log in logs if log is not None)])
