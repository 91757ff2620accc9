"""What is known of the energy of one cell: which source was chosen and why, its raw readings, and what they amount to.

Made by `ace.telemetry`, carried by a record, judged by `ace.decide`. Every number stands with its grade, and a number
that is missing is None with a reason, never 0. Whether a grade supports a claim follows from what is here; no caller
and no configuration can set it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from ace.domain.budget import Budget
from ace.errors import PlanError

NONE, AUTO = "none", "auto"
NVML, NVIDIA_SMI, RAPL, OVERRIDE, MODELLED = "nvml", "nvidia_smi", "rapl", "override", "modelled"
ASKABLE = (NONE, AUTO, NVML, NVIDIA_SMI, RAPL, OVERRIDE, MODELLED)
"""What `telemetry.name` may ask for."""


def _require(condition: bool, text: str) -> None:
    """As ace.domain.quality has it, which would cost an import of what a meter never needs."""
    if not condition:
        raise ValueError(text)


class Grade(StrEnum):
    """How an energy was come by, the best first (3-telemetry)."""

    DEVICE_COUNTER = "DEVICE_COUNTER"
    DEVICE_POLLED = "DEVICE_POLLED"
    DEVICE_PROBE = "DEVICE_PROBE"
    HOST_COUNTER = "HOST_COUNTER"
    OVERRIDE = "OVERRIDE"
    MODELLED = "MODELLED"
    NONE = "NONE"

    @property
    def simulated(self) -> bool:
        """Whether nothing was measured: a constant or a model makes energy a copy of time."""
        return self in (Grade.OVERRIDE, Grade.MODELLED)


GRADE_OF = {
    "nvml_counter": Grade.DEVICE_COUNTER,
    "nvml_power": Grade.DEVICE_POLLED,
    "nvidia_smi": Grade.DEVICE_PROBE,
    "rapl": Grade.HOST_COUNTER,
    "override": Grade.OVERRIDE,
    "modelled": Grade.MODELLED,
}
"""The one grade that each source can have. A record that says otherwise contradicts itself."""


OF_A_BOARD = (Grade.DEVICE_COUNTER, Grade.DEVICE_POLLED, Grade.DEVICE_PROBE)
"""Grades that name a board and its driver."""


class Scope(StrEnum):
    """What a source measures: one accelerator board, or the processor packages and memory of the host."""

    DEVICE = "device"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class EnergyPlan:
    """What is asked of the telemetry. `name`: one of ASKABLE.

    `relative_error`: largest random error of a window at k=2, as a fraction; a window that is not that good has no
    energy. `subtract_idle`: whether idle power is taken off. `tdp_w`: what the modelled source multiplies by the share
    of the processor that was used; None where it is not to model.
    """

    name: str
    relative_error: float = 0.02
    subtract_idle: bool = False
    tdp_w: float | None = None

    def __post_init__(self) -> None:
        if self.name not in ASKABLE:
            raise PlanError(f"telemetry.name={self.name} is refused; allowed: {', '.join(ASKABLE)}.")
        if not 0.001 <= self.relative_error <= 0.5:
            text = f"telemetry.relative_error={self.relative_error} is refused; allowed: a fraction from 0.001 to 0.5."
            raise PlanError(text)
        if self.tdp_w is not None and not 0 < self.tdp_w <= 5000:
            raise PlanError(f"telemetry.tdp_w={self.tdp_w} is refused; allowed: watts up to 5000, or null.")
        if self.name == MODELLED and self.tdp_w is None:
            raise PlanError("telemetry.tdp_w=None is refused; allowed: the watts of the processor, which are scaled.")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A source that was tried and gave no energy. `reason`: a short name; `detail`: for people, with what to do."""

    source: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """The source of one chain, chosen once for a comparison, or none; `tried`: those before it, and why not.

    `update_period_s`: of the sensor, as documented, until a window measures it. `device_name` decides whether its
    sensor may alias.
    """

    source: str | None
    grade: Grade
    scope: Scope
    device_uuid: str | None
    device_name: str | None
    driver: str | None
    update_period_s: float | None
    tried: tuple[Refusal, ...]

    def __post_init__(self) -> None:
        chosen = self.source is not None
        _require(chosen == (self.grade is not Grade.NONE), f"source {self.source!r} of grade {self.grade}")
        _require(not chosen or bool(self.update_period_s), f"{self.source}: chosen without an update period")

    @property
    def simulated(self) -> bool:
        """Follows from the grade; nobody sets it."""
        return self.grade.simulated

    @property
    def identity(self) -> tuple[str | None, Grade, Scope, str | None, str | None]:
        """What both arms of a comparison share."""
        return self.source, self.grade, self.scope, self.device_uuid, self.driver


@dataclass(frozen=True, slots=True)
class PowerSeries:
    """Raw readings of a source: cumulative joules of a counter or watts of a sensor (`unit`), at monotonic seconds."""

    unit: str
    times_s: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        _require(self.unit in ("J", "W"), f"a power series in {self.unit!r}; expected J or W")
        _require(len(self.times_s) == len(self.values), "power series: times and values differ in number")
        _require(all(a <= b for a, b in pairwise(self.times_s)), "power series: time ran back")


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What surrounded the readings; None where the device does not say. `event_reasons`: NVML's bits, all seen."""

    sm_clock_mhz: int | None
    memory_clock_mhz: int | None
    temperature_c: int | None
    power_limit_w: float | None
    event_reasons: int | None


CAPPED, DISAGREES, DRIFTING, SHARED, ALIASED, MIRRORED, UNALIGNED = (
    "power capped",
    "counter and polling disagree",
    "power drifts",
    "shared board",
    "aliased",
    "mirrored dies counted once",
    "edges not on a tick",
)
CLAIM_KILLERS = (SHARED, DISAGREES)
"""Flags that leave a number for people and no claim."""


@dataclass(frozen=True, slots=True)
class EnergyWindow:
    """The energy of one arm in one synchronised window, or why there is none.

    `work_s`: between the two synchronisations; `items` were done in it. `energy_j`: mean power times `work_s`.
    `update_period_s`: as measured. `series`: all readings, from the warm-up to the tick after the work.
    """

    arm: str
    source: str
    start_s: float
    work_s: float
    items: int
    energy_j: float | None
    reason: str | None
    update_period_s: float | None
    budget: Budget | None
    flags: tuple[str, ...]
    state: DeviceState | None
    series: PowerSeries

    def __post_init__(self) -> None:
        found = self.energy_j is not None
        _require(found == (self.reason is None), f"{self.arm}: energy and a reason for none exclude each other")
        _require(found == (self.budget is not None), f"{self.arm}: an energy without its uncertainty")
        _require(self.energy_j is None or self.energy_j > 0, f"{self.arm}: {self.energy_j} J")
        _require(self.items >= 1 and self.work_s > 0, f"{self.arm}: a window without work")

    @property
    def power_w(self) -> float | None:
        """Mean over the work."""
        return None if self.energy_j is None else self.energy_j / self.work_s

    @property
    def energy_per_item_j(self) -> float | None:
        """Joules per item, idle power included."""
        return None if self.energy_j is None else self.energy_j / self.items


@dataclass(frozen=True, slots=True)
class IdlePower:
    """Mean power of a source with nothing running, or why it is not known; None and a reason exclude each other."""

    source: str
    power_w: float | None
    reason: str | None

    def __post_init__(self) -> None:
        _require((self.power_w is None) != (self.reason is None), f"{self.source}: idle power and a reason for none")
        _require((self.power_w or 0.0) >= 0, f"{self.source}: idle power is negative")


@dataclass(frozen=True, slots=True)
class SessionEnergy:
    """What one session measured: idle power and a window of each arm, for every source that was chosen.

    `refused`: chosen sources that did not open again, which ends them for this session.
    """

    refused: tuple[Refusal, ...]
    idle: tuple[IdlePower, ...]
    windows: tuple[EnergyWindow, ...]

    def window(self, arm: str, source: str) -> EnergyWindow | None:
        """The window of `arm` by `source`; None where there was none."""
        return next((w for w in self.windows if (w.arm, w.source) == (arm, source)), None)


def supports_claim(choice: SourceChoice, work_on: Scope, flags: Sequence[str]) -> str | None:
    """Why energy from this source cannot be claimed; None when it can. Grade, scope and flags decide, nothing else."""
    if choice.grade is Grade.NONE:
        return "no energy source was read"
    if choice.simulated:
        return f"{choice.grade} is simulated: it makes energy a copy of time"
    if choice.grade in OF_A_BOARD and not (choice.device_uuid and choice.driver):
        missing = " and ".join(n for n, v in (("UUID", choice.device_uuid), ("driver", choice.driver)) if not v)
        return f"{choice.source}: of which board, and read how, nobody knows: {missing} not recorded"
    if choice.scope is not work_on:
        return f"{choice.source} measures the {choice.scope}, and the work is done on the {work_on}"
    against = [flag for flag in flags if flag in CLAIM_KILLERS]
    return f"{choice.source}: {', '.join(against)}" if against else None
