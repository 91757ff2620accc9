"""The timed region, and nothing else.

One timing = `len(batches)` calls of one arm on fresh inputs: wall clock, process CPU time and, on a CUDA board, the
clock of the board. The
clocks are arguments; nothing is allocated, logged or collected between their readings. Those that sessions use are
bound here, when this module is imported: before any executor's code is, which may put others in their place.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from time import perf_counter, process_time, sleep
from typing import Any, Protocol

from ace.domain.workload import Batch

Clock = Callable[[], float]


class Events(Protocol):
    """The clock of a board: two marks that it dates itself."""

    def start(self) -> None:
        """The first mark."""

    def stop(self) -> None:
        """The second, on a board that has settled."""

    def seconds(self) -> float:
        """Between the two; waits until the board has come to the second."""


def nothing() -> None:
    """What there is to wait for on a device that works while it is called: the CPU."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds: `wall` (monotonic) and `cpu` (of this process, all threads); `sleep` takes some.

    `settle` waits until the device has done all that it was given, on every stream. `flush` empties a cache of the
    device before every call, outside the clocks' readings; None where there is none to empty. `events` is the second
    clock of a board; None on a processor, whose clock is read already."""

    wall: Clock
    cpu: Clock
    sleep: Callable[[float], None] = sleep
    settle: Callable[[], None] = nothing
    flush: Callable[[], None] | None = None
    events: Events | None = None


CPU_CLOCKS = Clocks(perf_counter, process_time)
"""Of a session on the CPU."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds per call; `device_s` by the clock of the board, None without one. `outputs` of all calls."""

    wall_s: float
    cpu_s: float
    device_s: float | None
    outputs: list[object]


def time_calls(module: Callable[[Any, Any], object], batches: Sequence[Batch], clocks: Clocks) -> Timing:
    """One timing of `module`.

    The device has settled before the first call, and after each before the next begins or a clock is read. The marks of
    its own clock lie around the readings of the others: they cost a call nothing, and work on any stream is between.
    """
    if clocks.flush is not None:
        return _time_flushed(module, batches, clocks, clocks.flush)
    outputs: list[object] = []
    keep = outputs.append
    cpu, wall, settle, events = clocks.cpu, clocks.wall, clocks.settle, clocks.events
    settle()
    if events is not None:
        events.start()
    cpu_start, wall_start = cpu(), wall()
    for batch in batches:
        keep(module(batch.ids, batch.mask))
        settle()
    wall_end, cpu_end = wall(), cpu()
    device_s = _stopped(events)
    calls = len(batches)
    per_call_s = None if device_s is None else device_s / calls
    return Timing((wall_end - wall_start) / calls, (cpu_end - cpu_start) / calls, per_call_s, outputs)


def _stopped(events: Events | None) -> float | None:
    if events is None:
        return None
    events.stop()
    return events.seconds()


def _time_flushed(
    module: Callable[[Any, Any], object], batches: Sequence[Batch], clocks: Clocks, flush: Callable[[], None]
) -> Timing:
    """The same, call by call: what a short call left in the cache would serve the next one."""
    unflushed, timings = replace(clocks, flush=None), []
    for batch in batches:
        flush()
        timings.append(time_calls(module, [batch], unflushed))
    device_s = [timing.device_s for timing in timings if timing.device_s is not None]
    return Timing(
        fmean(timing.wall_s for timing in timings),
        fmean(timing.cpu_s for timing in timings),
        fmean(device_s) if device_s else None,
        [output for timing in timings for output in timing.outputs],
    )


def calls_per_timing(fastest_s: float, min_timing_s: float) -> int:
    """Calls that make a timing of the fastest arm last `min_timing_s`; the same for every arm, so inputs stay equal."""
    return max(1, math.ceil(min_timing_s / fastest_s))
