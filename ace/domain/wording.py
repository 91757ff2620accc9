"""Gains and differences in the words of every page and line: logs as percent, scores as points.

Used by `ace.decide` and `ace.report`, so that one number reads the same wherever it stands.
"""

import math

LARGEST_LOG = 100.0  # about 1e43 times: beyond it only the order of magnitude could matter, and it does not


def percent(log: float) -> str:
    """A log ratio as people read it: .122 -> `+13.0 %`; a ratio that no float holds is shown as the largest."""
    return f"{as_percent(log):+.1f} %"


def as_percent(log: float) -> float:
    """A log ratio in percent: .122 -> 13.0; beyond the largest, the largest."""
    return 100 * math.expm1(min(log, LARGEST_LOG))


def percent_within(gain: float | None, low: float | None, high: float | None) -> str:
    """`+12.9 % [+12.1, +13.8]`; says so where there is no number."""
    if gain is None:
        return "not measured"
    if low is None or high is None:
        return f"{percent(gain)} [no interval]"
    return f"{percent(gain)} [{as_percent(low):+.1f}, {as_percent(high):+.1f}]"


def points_within(difference: float, low: float, high: float) -> str:
    """`-0.7 points [-2.0, +0.6]`, from fractions of 1."""
    return f"{100 * difference:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
