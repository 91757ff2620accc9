"""The choice of a source: once for a comparison, in two chains that are never mixed, with what was tried and why not.

The device chain measures a board (or declares a power), the host chain the processor packages. Neither replaces the
other. A worker opens again exactly what was chosen, or says why it cannot; it never falls through to the next.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ace.domain.energy import NONE, EnergyPlan, Grade, Refusal, Scope, SourceChoice
from ace.telemetry import declared, nvidia_smi, nvml, rapl
from ace.telemetry.facts import FACTS
from ace.telemetry.meters import Meter
from ace.telemetry.nvml_library import LIBRARY
from ace.telemetry.refusing import Refused


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that a source touches. `device_uuid`: the board that torch works on, None where not known;
    `unmetered`: why no source of this version sees the device that it works on, None where one may."""

    environment: Mapping[str, str]
    nvml_library: str
    smi_command: Sequence[str]
    powercap: Path
    read_text: rapl.ReadText
    system: str
    cores: int
    process_time: Callable[[], float]
    device_uuid: str | None = None
    unmetered: str | None = None


def local_ports(device_uuid: str | None = None, unmetered: str | None = None) -> Ports:
    """Those of this machine."""
    return Ports(
        environment=os.environ,
        nvml_library=LIBRARY,
        smi_command=nvidia_smi.COMMAND,
        powercap=rapl.ROOT,
        read_text=rapl.read_text,
        system=sys.platform,
        cores=os.cpu_count() or 1,
        process_time=time.process_time,
        device_uuid=device_uuid,
        unmetered=unmetered,
    )


Opener = Callable[[Ports, EnergyPlan, str | None], Meter]


@dataclass(frozen=True, slots=True)
class Source:
    """A way to energy; who may ask for it stands in `facts`. `board`: whether it reads a board of
    NVIDIA's, which is no use where the work runs on another maker's device."""

    name: str
    chain: Scope
    board: bool
    open: Opener


SOURCES = (
    Source(
        nvml.COUNTER_NAME,
        Scope.DEVICE,
        True,
        lambda ports, _, uuid: nvml.open_counter(ports.nvml_library, uuid, ports.environment),
    ),
    Source(
        nvml.POWER_NAME,
        Scope.DEVICE,
        True,
        lambda ports, _, uuid: nvml.open_power(ports.nvml_library, uuid, ports.environment),
    ),
    Source(
        nvidia_smi.NAME,
        Scope.DEVICE,
        True,
        lambda ports, _, uuid: nvidia_smi.open_smi(ports.smi_command, uuid, ports.environment),
    ),
    Source(
        declared.OVERRIDE_NAME,
        Scope.DEVICE,
        False,
        lambda ports, _, __: declared.open_override(ports.environment),
    ),
    Source(
        declared.MODELLED_NAME,
        Scope.DEVICE,
        False,
        lambda ports, plan, _: declared.open_modelled(plan.tdp_w, ports.cores, ports.process_time),
    ),
    Source(
        rapl.NAME,
        Scope.HOST,
        False,
        lambda ports, _, __: rapl.open_rapl(ports.powercap, ports.read_text, ports.system),
    ),
)


def choose(plan: EnergyPlan, ports: Ports) -> tuple[SourceChoice, ...]:
    """The best source of the device chain and of the host chain; nothing when none is asked for.

    Whether it sees the work is asked when something is claimed (`ace.domain.energy.supports_claim`): a board is read
    beside work on the processor as well, and its number stands there as what it is.
    """
    if plan.name == NONE:
        return ()
    return tuple(_first(chain, plan, ports) for chain in Scope)


def _first(chain: Scope, plan: EnergyPlan, ports: Ports) -> SourceChoice:
    tried: list[Refusal] = []
    for source in (s for s in SOURCES if s.chain is chain and plan.name in FACTS[s.name].asked_by):
        try:
            if source.board and ports.unmetered is not None:
                raise Refused("no source", ports.unmetered)
            meter = source.open(ports, plan, ports.device_uuid)
        except Refused as refusal:
            tried.append(Refusal(source.name, refusal.reason, str(refusal)))
            continue
        meter.close()
        return described(meter, tuple(tried))
    return SourceChoice(None, Grade.NONE, chain, None, None, None, None, tuple(tried))


def described(meter: Meter, tried: tuple[Refusal, ...]) -> SourceChoice:
    """An open meter as a record holds it."""
    what = meter.description
    return SourceChoice(
        what.source,
        what.grade,
        what.scope,
        what.device_uuid,
        what.device_name,
        what.driver,
        what.update_period_s,
        tried,
    )


def reopen(choice: SourceChoice, plan: EnergyPlan, ports: Ports) -> Meter:
    """The very source that was chosen.  Raises Refused when it does not open, or is no longer the same."""
    source = next(s for s in SOURCES if s.name == choice.source)
    meter = source.open(ports, plan, choice.device_uuid)
    now = described(meter, choice.tried)
    if now.identity != choice.identity:
        meter.close()
        raise Refused("other device", f"chosen: {choice.identity}; now: {now.identity}")
    return meter
