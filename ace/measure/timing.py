"""The timed region, and nothing else.

One timing = `len(batches)` calls of one arm on fresh inputs, wall clock and process CPU time of the same calls. The
clocks are arguments; nothing is allocated, logged or collected between their readings. Those that sessions use are
bound here, when this module is imported: before any executor's code is, which may put others in their place.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time, sleep
from typing import Any

import torch

from ace.domain.workload import Batch

Clock = Callable[[], float]


def nothing() -> None:
    """What there is to wait for on a device that works while it is called: the CPU."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds: `wall` (monotonic) and `cpu` (of this process, all threads); `sleep` takes some.

    `settle` waits until the device has done all that it was given, on every stream. `flush` empties a cache of the
    device before every call, outside the clocks' readings; None where there is none to empty."""

    wall: Clock
    cpu: Clock
    sleep: Callable[[float], None] = sleep
    settle: Callable[[], None] = nothing
    flush: Callable[[], None] | None = None


CPU_CLOCKS = Clocks(perf_counter, process_time)
"""Of a session on the CPU."""


def settling(device: str) -> Callable[[], None]:
    """How to wait for `device`. On CUDA for the whole device: a stream of the candidate's own is waited for as well.
    Written for a GPU and tested with a fake one; it has never run on a real one."""
    return torch.cuda.synchronize if device.startswith("cuda") else nothing


def time_calls(
    module: Callable[[Any, Any], object], batches: Sequence[Batch], clocks: Clocks
) -> tuple[float, float, list[object]]:
    """(wall seconds per call, CPU seconds per call, outputs of all calls).

    The device has settled before the first call, and after each before the next begins or the clock is read."""
    if clocks.flush is not None:
        return _time_flushed(module, batches, clocks, clocks.flush)
    outputs: list[object] = []
    keep = outputs.append
    cpu, wall, settle = clocks.cpu, clocks.wall, clocks.settle
    settle()
    cpu_start, wall_start = cpu(), wall()
    for batch in batches:
        keep(module(batch.ids, batch.mask))
        settle()
    wall_end, cpu_end = wall(), cpu()
    calls = len(batches)
    return (wall_end - wall_start) / calls, (cpu_end - cpu_start) / calls, outputs


def _time_flushed(
    module: Callable[[Any, Any], object], batches: Sequence[Batch], clocks: Clocks, flush: Callable[[], None]
) -> tuple[float, float, list[object]]:
    """The same, call by call: what a short call left in the cache would serve the next one."""
    outputs: list[object] = []
    cpu, wall, settle = clocks.cpu, clocks.wall, clocks.settle
    wall_s = cpu_s = 0.0
    for batch in batches:
        flush()
        settle()
        cpu_start, wall_start = cpu(), wall()
        outputs.append(module(batch.ids, batch.mask))
        settle()
        wall_end, cpu_end = wall(), cpu()
        wall_s, cpu_s = wall_s + wall_end - wall_start, cpu_s + cpu_end - cpu_start
    return wall_s / len(batches), cpu_s / len(batches), outputs


def calls_per_timing(fastest_s: float, min_timing_s: float) -> int:
    """Calls that make a timing of the fastest arm last `min_timing_s`; the same for every arm, so inputs stay equal."""
    return max(1, math.ceil(min_timing_s / fastest_s))
