"""From raw readings to the energy of a window, or to the reason why there is none.

Pure: the same readings give the same answer, so a judge can work a stored series out again.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ace.domain.budget import Budget, Component
from ace.domain.energy import ALIASED, CAPPED, DISAGREES, DRIFTING, UNALIGNED, DeviceState, PowerSeries
from ace.telemetry import uncertainty as u
from ace.telemetry.aliasing import PERIOD_S, alias
from ace.telemetry.meters import COUNTER, SENSOR, Description
from ace.telemetry.refusing import Refused

THROTTLED = (
    (0x8, "hardware slowdown"),
    (0x20, "thermal (software)"),
    (0x40, "thermal (hardware)"),
    (0x80, "power brake"),
)
"""NVML's event bits that make a pair invalid (nvml.h, nvmlClocksEventReasons)."""
POWER_CAP = 0x4
LIMIT_FACTOR = 1.5  # a mean above this many power limits is no power (3-telemetry)
DISAGREEMENT = 0.05  # counter against polling (3-telemetry); Zeus saw at most 1 % (zeus issue 12)
DRIFT = 0.05  # power of the two halves of a window
STUCK_PERIODS, STUCK_S = 10, 1.0  # update periods, and at least so long, without a change under load
ALIAS_SHOWN = 0.001  # below it no flag


@dataclass(frozen=True, slots=True)
class Readings:
    """What a sampler brought home. `second_w`: polled power beside a counter, dated."""

    description: Description
    series: PowerSeries
    failure: Refused | None
    second_w: tuple[tuple[float, float], ...] = ()
    state: DeviceState | None = None


@dataclass(frozen=True, slots=True)
class Reckoned:
    """Mean power of a window with its uncertainty and flags; `update_period_s` as measured."""

    power_w: float
    budget: Budget
    flags: tuple[str, ...]
    update_period_s: float


@dataclass(frozen=True, slots=True)
class _Mean:
    power_w: float
    random: tuple[Component, ...]
    update_period_s: float
    flags: tuple[str, ...]


def reckon(readings: Readings, start_s: float, end_s: float, iteration_s: float, relative_error: float) -> Reckoned:
    """Mean power between two synchronised moments of work that repeats every `iteration_s`.

    Raises Refused: whatever the meter said, counter reset, counter stuck, source vanished (too few readings),
    implausible, throttled, aliased, window too short (for an error of `relative_error` at k=2).
    """
    if readings.failure is not None:
        raise readings.failure
    what = readings.description
    mean = {COUNTER: _counted, SENSOR: _sensed}.get(what.kind, _declared)(readings, start_s, end_s)
    _require_plausible(readings, mean.power_w)
    random, flags = list(mean.random), [*what.flags, *mean.flags]
    if what.part_time:
        aliased = alias(iteration_s, end_s - start_s)
        random.append(Component(u.ALIAS, aliased, False, u.PART_TIME))
        flags += [ALIASED] if aliased > ALIAS_SHOWN else []
    budget = u.window_budget(what.scope, what.grade, mean.power_w, tuple(random))
    if not what.grade.simulated:
        _require_good(budget, mean, end_s - start_s, iteration_s, relative_error)
    polled_w = [power_w for t, power_w in readings.second_w if start_s <= t <= end_s]
    if polled_w and abs(statistics.fmean(polled_w) / mean.power_w - 1) > DISAGREEMENT:
        flags.append(DISAGREES)
    if readings.state is not None and (readings.state.event_reasons or 0) & POWER_CAP:
        flags.append(CAPPED)
    return Reckoned(mean.power_w, budget, tuple(flags), mean.update_period_s)


def mean_power_w(readings: Readings, start_s: float, end_s: float) -> float:
    """Mean power of a stretch for which no error was declared, such as idling.  Raises Refused as `reckon` does."""
    if readings.failure is not None:
        raise readings.failure
    kind = readings.description.kind
    power_w = {COUNTER: _counted, SENSOR: _sensed}.get(kind, _declared)(readings, start_s, end_s).power_w
    _require_plausible(readings, power_w)
    return power_w


def _counted(readings: Readings, start_s: float, end_s: float) -> _Mean:
    """From the last tick before the work to the first after it; where there is none, from the nearest reading."""
    times_s, values = readings.series.times_s, readings.series.values
    _require_covered(times_s, start_s, end_s)
    steps = [(i, i + 1) for i in range(len(values) - 1) if values[i + 1] != values[i]]
    for i, j in steps:
        if values[j] < values[i]:
            raise Refused("counter reset", f"the counter fell from {values[i]:.3f} to {values[j]:.3f} J")
    ticks = [((times_s[i] + times_s[j]) / 2, times_s[j] - times_s[i], values[j]) for i, j in steps]
    gaps_s = [later[0] - earlier[0] for earlier, later in pairwise(ticks)]
    period_s = statistics.median(gaps_s) if gaps_s else readings.description.update_period_s
    _require_moving([t for t, _, _ in ticks], period_s, start_s, end_s)
    before, after = [k for k in ticks if k[0] <= start_s], [k for k in ticks if k[0] >= end_s]
    first = before[-1] if before else _unaligned(readings.series, start_s, period_s)
    last = after[0] if after else _unaligned(readings.series, end_s, period_s)
    span_s = last[0] - first[0]
    if span_s <= 0 or last[2] <= first[2]:
        raise Refused("counter stuck", f"the counter did not move in {span_s:.3f} s")
    aligned = bool(before and after)
    edges = Component(u.EDGES, u.edges(first[1], last[1], span_s), False, u.STEPS)
    flags = (*(() if aligned else (UNALIGNED,)), *_drifting(ticks, first, last))
    return _Mean((last[2] - first[2]) / span_s, (edges,), period_s, flags)


def _unaligned(series: PowerSeries, moment_s: float, period_s: float) -> tuple[float, float, float]:
    """The reading nearest to a moment: its value is on average half a period old."""
    nearest = min(range(len(series.times_s)), key=lambda i: abs(series.times_s[i] - moment_s))
    return series.times_s[nearest] - period_s / 2, period_s, series.values[nearest]


def _drifting(
    ticks: Sequence[tuple[float, float, float]], first: tuple[float, float, float], last: tuple[float, float, float]
) -> tuple[str, ...]:
    middle_s = (first[0] + last[0]) / 2
    inside = [tick for tick in ticks if first[0] < tick[0] < last[0]]
    if len(inside) < 2 * STUCK_PERIODS:  # too few ticks to tell a drift from the steps
        return ()
    middle = min(inside, key=lambda tick: abs(tick[0] - middle_s))
    early = (middle[2] - first[2]) / (middle[0] - first[0])
    late = (last[2] - middle[2]) / (last[0] - middle[0])
    return (DRIFTING,) if abs(late / early - 1) > DRIFT else ()


def _sensed(readings: Readings, start_s: float, end_s: float) -> _Mean:
    """The mean of the sensor's updates in the work; readings between two updates are one."""
    what, (times_s, values) = readings.description, (readings.series.times_s, readings.series.values)
    _require_covered(times_s, start_s, end_s)
    still_s = times_s[-1] - times_s[0]  # a sensor in milliwatts: two updates of a real one differ
    if still_s > STUCK_PERIODS * what.update_period_s and len(set(values)) == 1:
        raise Refused("counter stuck", f"the sensor gave {values[0]} W for {still_s:.2f} s")
    updates = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    gaps_s = [times_s[b] - times_s[a] for a, b in pairwise(updates)]
    period_s = statistics.median(gaps_s) if gaps_s else what.update_period_s
    inside = [values[i] for i in updates if start_s <= times_s[i] <= end_s]
    if len(inside) < 2:
        raise Refused("source vanished", f"{len(inside)} updates of the sensor in {end_s - start_s:.2f} s of work")
    power_w = statistics.fmean(inside)
    if power_w <= 0:
        raise Refused("garbage", f"a mean power of {power_w} W")
    earlier = [
        v for t, v in zip(times_s, values, strict=True) if start_s - max(what.averaging_s, period_s) <= t < start_s
    ]
    before_w = statistics.fmean(earlier) if earlier else power_w
    window_s = end_s - start_s
    random = (
        Component(u.EDGES, u.edges(period_s, period_s, window_s), False, u.STEPS),
        Component(u.SAMPLING, u.sampling(statistics.stdev(inside), power_w, len(inside)), False, u.MEAN),
        Component(u.AVERAGING, u.averaging(what.averaging_s, power_w, before_w, window_s), False, u.SMOOTHED),
    )
    half = len(inside) // 2
    early, late = statistics.fmean(inside[:half]), statistics.fmean(inside[half:])
    drifting = half >= STUCK_PERIODS and abs(late / early - 1) > DRIFT if early > 0 else True
    return _Mean(power_w, random, period_s, (DRIFTING,) if drifting else ())


def _declared(readings: Readings, start_s: float, end_s: float) -> _Mean:
    """Of what nobody measured: the constant, or the slope of the model."""
    series = readings.series
    _require_covered(series.times_s, start_s, end_s)
    inside = [i for i, t in enumerate(series.times_s) if start_s <= t <= end_s]
    if len(inside) < 2:
        raise Refused("source vanished", f"{len(inside)} readings in {end_s - start_s:.2f} s of work")
    first, last = inside[0], inside[-1]
    power_w = series.values[first]
    if series.unit == "J":
        power_w = (series.values[last] - series.values[first]) / (series.times_s[last] - series.times_s[first])
    if power_w <= 0:
        raise Refused("garbage", f"a modelled power of {power_w} W")
    return _Mean(power_w, (), readings.description.update_period_s, ())


def _require_covered(times_s: Sequence[float], start_s: float, end_s: float) -> None:
    if not times_s or times_s[0] > start_s or times_s[-1] < end_s:
        raise Refused("source vanished", f"readings do not span the {end_s - start_s:.2f} s of work")


def _require_moving(ticks_s: Sequence[float], period_s: float, start_s: float, end_s: float) -> None:
    """A counter under load that stands for ten of its own periods is stuck, whatever it does later."""
    still_s = max(STUCK_PERIODS * period_s, STUCK_S)
    moments = [start_s, *(t for t in ticks_s if start_s < t < end_s), end_s]
    longest_s = max(b - a for a, b in pairwise(moments))
    if not ticks_s or longest_s > still_s:
        raise Refused("counter stuck", f"the counter stood still for {longest_s:.2f} s of work")


def _require_plausible(readings: Readings, power_w: float) -> None:
    limit_w = readings.description.power_limit_w
    if limit_w is not None and power_w > LIMIT_FACTOR * limit_w:
        raise Refused("implausible", f"a mean power of {power_w:.0f} W; the limit of the board is {limit_w:.0f} W")
    bits = (readings.state.event_reasons or 0) if readings.state is not None else 0
    events = [name for bit, name in THROTTLED if bits & bit]
    if events:
        raise Refused("throttled", f"{', '.join(events)}; cool the board or lower its clocks, then measure again")


def _require_good(budget: Budget, mean: _Mean, window_s: float, iteration_s: float, relative_error: float) -> None:
    aliased = budget.part(u.ALIAS)
    if 2 * aliased > relative_error:
        raise Refused(
            "aliased",
            f"work that repeats every {iteration_s * 1e3:.2f} ms is in step with a sensor that looks at a part of "
            f"every {PERIOD_S * 1e3:.0f} ms (+-{2 * aliased:.1%} at k=2); change batch or length, or allow that much "
            "with telemetry.relative_error and repeat: each window begins at a random phase, so sessions average it",
        )
    error = 2 * budget.random
    if error > relative_error:
        needed_s = max(
            window_s * (error / relative_error) ** 2,
            u.window_needed_s(mean.update_period_s, relative_error),
        )
        raise Refused(
            "window too short",
            f"a window of {window_s:.2f} s is known to +-{error:.1%} (k=2); {relative_error:.1%} needs about "
            f"{needed_s:.1f} s of work: raise telemetry.relative_error or the length of the window",
        )
