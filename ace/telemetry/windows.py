"""The protocol of an energy window (3-telemetry):

synchronise -> warm up under load -> wait for a tick -> work -> synchronise -> wait for a tick, the load going on.

Energy is mean power between the ticks times the synchronised time of the work. Every source that was chosen is read
over the same work. Where nothing is measured (a constant, a model) there is no sensor to wait for, and only the work
takes time.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ace.domain.energy import SHARED, EnergyPlan, EnergyWindow, IdlePower
from ace.telemetry.aliasing import PERIOD_S
from ace.telemetry.meters import COUNTER, Meter
from ace.telemetry.reckoning import Readings, mean_power_w, reckon
from ace.telemetry.refusing import Refused
from ace.telemetry.sampling import Clock, Every, Sampler
from ace.telemetry.uncertainty import window_needed_s

WARMUP_S = 2.0
"""Longer than any sensor averages (1 s), and power of a board settles within it (arXiv 2312.02741, section 5)."""
SHORTEST_S = 1.0  # a window of many iterations, even where a millisecond counter would allow less
FEWEST_CALLS = 3  # of a warm-up: the first may compile or load, the median of three does not show it
TICK_PERIODS = 10  # documented update periods that a tick is waited for
RESERVE = 1.2  # the sensor may be slower than documented, and sampling adds to the edges
IDLE_S = 2.0


@dataclass(frozen=True, slots=True)
class Rig:
    """How time passes: `clock` in monotonic seconds, `every` calls the samplers, `synchronise` waits for the device
    (all of its streams; nothing to do on a processor), `sleep` idles. `dice`: uniform in [0, 1), for the phase."""

    clock: Clock
    every: Every
    synchronise: Callable[[], None]
    sleep: Callable[[float], None]
    dice: Callable[[], float]


def length_s(meters: Sequence[Meter], plan: EnergyPlan) -> float:
    """Seconds of work that the slowest of the meters needs for the declared error."""
    measured = [meter.description for meter in meters if not meter.description.grade.simulated]
    needed = [window_needed_s(what.seen_every_s, plan.relative_error) for what in measured]
    return max(SHORTEST_S, RESERVE * max(needed, default=0.0))


def measure_window(
    arm: str, call: Callable[[], object], items: int, meters: Sequence[Meter], plan: EnergyPlan, rig: Rig
) -> tuple[EnergyWindow, ...]:
    """One window of `arm` for each meter.  `call` does `items` items; it is repeated as long as the window needs.

    Whatever a meter does becomes a reason in its window; what `call` raises rises.
    """
    samplers = [Sampler(meter, rig.clock, rig.every) for meter in meters]
    for sampler in samplers:
        sampler.start()
    try:
        _at_any_phase(meters, rig)
        iteration_s = _warm_up(call, rig, 0.0 if _nothing_measured(meters) else WARMUP_S)
        calls = math.ceil(length_s(meters, plan) / iteration_s)
        _until_ticked(samplers, call, rig)
        rig.synchronise()
        start_s = rig.clock()
        for _ in range(calls):
            call()
        rig.synchronise()
        end_s = rig.clock()
        _until_ticked(samplers, call, rig)
        rig.synchronise()
    finally:
        for sampler in samplers:
            sampler.stop()
    work = _Work(arm, start_s, end_s, calls, items * calls)
    return tuple(_window(sampler, work, plan) for sampler in samplers)


def measure_idle(meters: Sequence[Meter], rig: Rig) -> tuple[IdlePower, ...]:
    """Mean power with nothing running, for each meter; a model has none."""
    samplers = [Sampler(meter, rig.clock, rig.every) for meter in meters]
    rig.synchronise()
    for sampler in samplers:
        sampler.start()
    longest_s = max(meter.description.seen_every_s for meter in meters)
    margin_s = TICK_PERIODS * longest_s
    rig.sleep(margin_s)
    start_s = rig.clock()
    rig.sleep(max(IDLE_S, margin_s))
    end_s = rig.clock()
    rig.sleep(2 * longest_s)  # for the reading after the end
    for sampler in samplers:
        sampler.stop()
    return tuple(_idle(sampler, start_s, end_s) for sampler in samplers)


@dataclass(frozen=True, slots=True)
class _Work:
    arm: str
    start_s: float
    end_s: float
    calls: int
    items: int


def _nothing_measured(meters: Sequence[Meter]) -> bool:
    return all(meter.description.grade.simulated for meter in meters)


def _at_any_phase(meters: Sequence[Meter], rig: Rig) -> None:
    """Let the load begin at a random phase of a sensor that looks at a part of the time: what it then sees too much or
    too little of differs from window to window, so that repeats show it and shrink it (`aliasing`)."""
    if any(meter.description.part_time for meter in meters):
        rig.synchronise()
        rig.sleep(rig.dice() * PERIOD_S)


def _warm_up(call: Callable[[], object], rig: Rig, least_s: float) -> float:
    """Load until `least_s` have gone; seconds of one call, synchronised: the median, for the first compile or load."""
    took: list[float] = []
    rig.synchronise()
    start_s = now_s = rig.clock()
    while now_s - start_s < least_s or len(took) < FEWEST_CALLS:
        call()
        rig.synchronise()
        before_s, now_s = now_s, rig.clock()
        took.append(now_s - before_s)
    return statistics.median(took)


def _until_ticked(samplers: Sequence[Sampler], call: Callable[[], object], rig: Rig) -> None:
    """Load until every counter has moved, or for so long that one which has not is told from a slow one."""
    start_s = rig.clock()
    waited_s = TICK_PERIODS * max(sampler.meter.description.seen_every_s for sampler in samplers)
    waiting = [sampler for sampler in samplers if sampler.meter.description.kind == COUNTER]
    while True:
        call()
        rig.synchronise()
        read = all(s.failure is not None or (s.times_s and s.times_s[-1] >= start_s) for s in samplers)
        if (read and all(s.ticked_since(start_s) for s in waiting)) or rig.clock() - start_s > waited_s:
            return


def _window(sampler: Sampler, work: _Work, plan: EnergyPlan) -> EnergyWindow:
    what, work_s = sampler.meter.description, work.end_s - work.start_s
    energy_j = reason = period_s = budget = None
    flags = what.flags
    try:
        found = reckon(_readings(sampler), work.start_s, work.end_s, work_s / work.calls, plan.relative_error)
    except Refused as refusal:
        reason = f"{refusal.reason}: {refusal}"
    else:
        energy_j, period_s, budget = found.power_w * work_s, found.update_period_s, found.budget
        flags = (*found.flags, *((SHARED,) if sampler.meter.shared() else ()))
    return EnergyWindow(
        arm=work.arm,
        source=what.source,
        start_s=work.start_s,
        work_s=work_s,
        items=work.items,
        energy_j=energy_j,
        reason=reason,
        update_period_s=period_s,
        budget=budget,
        flags=flags,
        state=sampler.state(),
        series=sampler.series(),
    )


def _idle(sampler: Sampler, start_s: float, end_s: float) -> IdlePower:
    what = sampler.meter.description
    if what.grade.simulated:
        return IdlePower(what.source, None, "nothing is measured, so nothing idles")
    try:
        return IdlePower(what.source, mean_power_w(_readings(sampler), start_s, end_s), None)
    except Refused as refusal:
        return IdlePower(what.source, None, f"{refusal.reason}: {refusal}")


def _readings(sampler: Sampler) -> Readings:
    return Readings(
        sampler.meter.description, sampler.series(), sampler.failure, tuple(sampler.second_w), sampler.state()
    )
