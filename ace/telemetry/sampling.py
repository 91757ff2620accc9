"""Readings of a meter, taken by a thread of their own while the work runs.

As often as the meter says: a board's every few milliseconds, so that an edge is known to a part of its update period;
the processor's own seldom enough that reading it takes nothing from the work. A counter that stands, falls or goes is
seen. Never inside a timed call: an energy window is a stretch of its own.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ace.domain.energy import DeviceState, PowerSeries
from ace.telemetry.meters import Meter
from ace.telemetry.refusing import Refused

Clock = Callable[[], float]
Every = Callable[[float, Callable[[], None]], Callable[[], None]]
"""Calls the second argument every so many seconds, until what it returned is called."""


def thread_every(period_s: float, look: Callable[[], None]) -> Callable[[], None]:
    """`look` from a daemon thread; stopping waits until a look in progress is over."""
    stopped = threading.Event()

    def run() -> None:
        look()
        while not stopped.wait(period_s):
            look()

    thread = threading.Thread(target=run, name="ace-energy", daemon=True)
    thread.start()

    def stop() -> None:
        stopped.set()
        thread.join()

    return stop


@dataclass(slots=True)
class Sampler:
    """Collects (t, value) of one meter between `start` and `stop`; what goes wrong ends the series and is kept."""

    meter: Meter
    clock: Clock
    every: Every
    times_s: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    second_w: list[tuple[float, float]] = field(default_factory=list)
    states: list[DeviceState] = field(default_factory=list)
    failure: Refused | None = None
    ticked_s: float | None = None
    _looked_s: float = -math.inf
    _stop: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to read."""
        self._stop = self.every(self.meter.description.read_every_s, self.look)

    def stop(self) -> None:
        """Read no more."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def look(self) -> None:
        """One reading, dated by the middle of its call; device state once an update period."""
        if self.failure is not None:
            return
        before_s = self.clock()
        try:
            value = self.meter.read(before_s)
        except Refused as refusal:
            self.failure = refusal
            return
        now_s = (before_s + self.clock()) / 2
        if self.values and value != self.values[-1]:
            self.ticked_s = self.times_s[-1]  # the change came after this reading
        self.times_s.append(now_s)
        self.values.append(value)
        if now_s - self._looked_s >= self.meter.description.update_period_s:
            self._look_around(now_s)

    def _look_around(self, now_s: float) -> None:
        self._looked_s = now_s
        state, second = self.meter.state(), self.meter.second_power_w()
        if state is not None:
            self.states.append(state)
        if second is not None:
            self.second_w.append((now_s, second))

    def ticked_since(self, moment_s: float) -> bool:
        """Whether the reading has changed since; a series that failed is not waited for."""
        return self.failure is not None or (self.ticked_s is not None and self.ticked_s >= moment_s)

    def series(self) -> PowerSeries:
        """What was read."""
        return PowerSeries(self.meter.description.unit, tuple(self.times_s), tuple(self.values))

    def state(self) -> DeviceState | None:
        """The last state, with the event bits of all of them."""
        if not self.states:
            return None
        last, bits = self.states[-1], [s.event_reasons for s in self.states if s.event_reasons is not None]
        seen = None
        for each in bits:
            seen = (seen or 0) | each
        return DeviceState(last.sm_clock_mhz, last.memory_clock_mhz, last.temperature_c, last.power_limit_w, seen)
