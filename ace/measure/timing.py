"""The timed region, and nothing else.

One timing = `len(batches)` calls of one arm on fresh inputs, wall clock and process CPU time of the same calls. The
clocks are arguments; nothing is allocated, logged or collected between their readings.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ace.domain.workload import Batch

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds: `wall` (monotonic) and `cpu` (of this process, all threads)."""

    wall: Clock
    cpu: Clock


def time_calls(
    module: Callable[[Any, Any], object], batches: Sequence[Batch], clocks: Clocks
) -> tuple[float, float, list[object]]:
    """(wall seconds per call, CPU seconds per call, outputs of all calls)."""
    outputs: list[object] = []
    keep = outputs.append
    cpu, wall = clocks.cpu, clocks.wall
    cpu_start, wall_start = cpu(), wall()
    for batch in batches:
        keep(module(batch.ids, batch.mask))
    wall_end, cpu_end = wall(), cpu()
    calls = len(batches)
    return (wall_end - wall_start) / calls, (cpu_end - cpu_start) / calls, outputs


def calls_per_timing(fastest_s: float, min_timing_s: float) -> int:
    """Calls that make a timing of the fastest arm last `min_timing_s`; the same for every arm, so inputs stay equal."""
    return max(1, math.ceil(min_timing_s / fastest_s))
