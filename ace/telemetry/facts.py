"""What each source is, whatever a record says of it: scope, kind, period, and who may ask for it.

A record only names its source. `evidence` works a stored window out again with what stands here; a test holds it equal
to what an open meter says of itself.
"""

from dataclasses import dataclass

from ace.domain.energy import (
    AUTO,
    GRADE_OF,
    MODELLED,
    NVIDIA_SMI,
    NVML,
    OVERRIDE,
    RAPL,
    EnergyPlan,
    Scope,
    SourceChoice,
)
from ace.telemetry import declared, nvidia_smi, nvml, rapl
from ace.telemetry.meters import COUNTER, SENSOR, SIMULATED


@dataclass(frozen=True, slots=True)
class Facts:
    """As `Description` has them. `asked_by`: the names of the configuration that try it. `averaging_s`: every width
    that a way of reading it may average over."""

    asked_by: tuple[str, ...]
    scope: Scope
    kind: str
    unit: str
    update_period_s: float
    read_every_s: float
    averaging_s: tuple[float, ...] = (0.0,)


_BOARD = (nvml.UPDATE_PERIOD_S, nvml.READ_EVERY_S)
_PROBE = (nvml.AVERAGING_S, nvidia_smi.READ_EVERY_S)
_NOBODY = (declared.READ_PERIOD_S, declared.READ_EVERY_S)
FACTS = {
    nvml.COUNTER_NAME: Facts((AUTO, NVML), Scope.DEVICE, COUNTER, "J", *_BOARD),
    nvml.POWER_NAME: Facts((AUTO, NVML), Scope.DEVICE, SENSOR, "W", *_BOARD, (0.0, nvml.AVERAGING_S)),
    nvidia_smi.NAME: Facts((AUTO, NVIDIA_SMI), Scope.DEVICE, SENSOR, "W", *_PROBE, (nvml.AVERAGING_S,)),
    rapl.NAME: Facts((AUTO, RAPL), Scope.HOST, COUNTER, "J", rapl.UPDATE_PERIOD_S, rapl.READ_EVERY_S),
    declared.OVERRIDE_NAME: Facts((AUTO, OVERRIDE), Scope.DEVICE, SIMULATED, "W", *_NOBODY),
    declared.MODELLED_NAME: Facts((AUTO, MODELLED), Scope.HOST, SIMULATED, "J", *_NOBODY),
}


def misnamed(choice: SourceChoice, asked: EnergyPlan) -> str | None:
    """What a chosen source says of itself and cannot be; None where all of it fits."""
    name = str(choice.source)
    facts = FACTS.get(name)
    if facts is None:
        return f"{name} is no source of this version"
    if choice.grade is not GRADE_OF[name]:
        return f"{name} is said to be {choice.grade}, and is {GRADE_OF[name]}"
    if choice.scope is not facts.scope:
        return f"{name} is said to measure the {choice.scope}, and measures the {facts.scope}"
    if choice.update_period_s != facts.update_period_s:
        return f"{name} is said to update every {choice.update_period_s} s, documented are {facts.update_period_s} s"
    if asked.name not in facts.asked_by:
        return f"telemetry={asked.name} was planned, and {name} is said to have measured"
    return None
