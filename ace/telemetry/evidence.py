"""Does a stored window agree with its own raw readings? Asked by judgement, which was not there when they were taken.

Not the whole reckoning again (ticks, lag, drift): only whether the number could come from these readings at all. An
honest window is within its own uncertainty of the plain mean that is taken here.
"""

import statistics

from ace.domain.energy import EnergyWindow, SourceChoice
from ace.telemetry.uncertainty import edges

SLACK = 0.05
"""Beyond five of its own standard deviations: power may drift by so much between the ends of a window (reckoning.DRIFT)
before it is flagged, and a plain mean knows no ticks."""
SIGMAS = 5


def contradiction(window: EnergyWindow, choice: SourceChoice) -> str | None:
    """Why the energy of a window cannot come from its readings; None where it can, and where it has none."""
    if window.energy_j is None or window.power_w is None or window.budget is None:
        return None
    seen_w, rough = _mean_power_w(window, choice)
    if seen_w is None:
        return f"{window.energy_j:.3g} J, and its readings do not span the work"
    allowed = SLACK + SIGMAS * (window.budget.random + rough)
    if abs(seen_w / window.power_w - 1) > allowed:
        return f"{window.power_w:.4g} W are recorded, and its readings give {seen_w:.4g} W"
    if not choice.simulated and len(set(window.series.values)) == 1:
        return "its readings never change, as no meter's do"
    return None


def _mean_power_w(window: EnergyWindow, choice: SourceChoice) -> tuple[float | None, float]:
    """Mean of the readings over the work and how rough (k=1) it is for not knowing the ticks."""
    series, start_s, end_s = window.series, window.start_s, window.start_s + window.work_s
    times_s = series.times_s
    if not times_s or times_s[0] > start_s or times_s[-1] < end_s:
        return None, 0.0
    inside = [i for i, t in enumerate(times_s) if start_s <= t <= end_s]
    if len(inside) < 2 or times_s[inside[-1]] <= times_s[inside[0]]:
        return None, 0.0
    first, last = inside[0], inside[-1]
    span_s = times_s[last] - times_s[first]
    period_s = window.update_period_s or choice.update_period_s or 0.0
    if series.unit == "J":
        return (series.values[last] - series.values[first]) / span_s, edges(period_s, period_s, span_s)
    return statistics.fmean(series.values[first : last + 1]), 0.0
