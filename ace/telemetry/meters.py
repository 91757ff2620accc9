"""What every source looks like to the rest: a meter that was opened because its probe succeeded.

A source is a function that opens its meter or raises Refused; `choosing` lists them. A meter only reads; `sampling`
decides when, `reckoning` what the readings amount to.
"""

from dataclasses import dataclass
from typing import Protocol

from ace.domain.energy import DeviceState, Grade, Scope

COUNTER, SENSOR, SIMULATED = "counter", "sensor", "simulated"


@dataclass(frozen=True, slots=True)
class Description:
    """A source that can be read. `kind`: COUNTER reads cumulative joules, SENSOR watts, SIMULATED one of them without
    measuring (`unit` says which). `update_period_s`: as documented, the slowest; `read_every_s`: of a
    board a quarter of the fastest, otherwise what reading may cost; `averaging_s`: over which the sensor averages, 0
    where it does not. `part_time`: whether it looks at a part of the time only (`aliasing`)."""

    source: str
    grade: Grade
    scope: Scope
    kind: str
    unit: str
    update_period_s: float
    read_every_s: float
    averaging_s: float = 0.0
    device_uuid: str | None = None
    device_name: str | None = None
    driver: str | None = None
    power_limit_w: float | None = None
    part_time: bool = False
    flags: tuple[str, ...] = ()

    @property
    def seen_every_s(self) -> float:
        """How often a change can be seen: no oftener than it is looked at."""
        return max(self.update_period_s, self.read_every_s)


class Meter(Protocol):
    """An open source."""

    @property
    def description(self) -> Description:
        """What it is; the same for as long as it is open."""

    def read(self, now_s: float) -> float:
        """Cumulative joules, or watts.  Raises Refused when the device, the driver or the file does not answer."""

    def state(self) -> DeviceState | None:
        """Clocks, temperature, cap and event reasons; None for what has none."""

    def second_power_w(self) -> float | None:
        """Power from a second way of reading the same device; None where there is none or it does not answer."""

    def shared(self) -> bool:
        """Whether other processes are seen on the device."""

    def close(self) -> None:
        """Let go of library and files."""


class Bare:
    """What a source has beside its readings when it has nothing: no state, no second way, no neighbours, no handle."""

    __slots__ = ()

    def state(self) -> DeviceState | None:
        """It says nothing of a device."""
        return None

    def second_power_w(self) -> float | None:
        """There is none."""
        return None

    def shared(self) -> bool:
        """Not known here; a host's counter counts everybody, beside both arms alike."""
        return False

    def close(self) -> None:
        """Nothing is held."""
