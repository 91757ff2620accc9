"""Records whose sessions carry energy windows of a known truth: one power an arm, read as an honest source is.

What a window amounts to is reckoned from its readings, as a session does it; lies are told on it afterwards.
"""

import math
import random
from collections.abc import Callable
from dataclasses import replace

from ace.domain.energy import (
    GRADE_OF,
    DeviceState,
    EnergyPlan,
    EnergyWindow,
    Grade,
    IdlePower,
    PowerSeries,
    Scope,
    SessionEnergy,
    SourceChoice,
)
from ace.domain.record import CellRecord
from ace.domain.session import OutputCheck
from ace.telemetry.aliasing import is_part_time
from ace.telemetry.facts import FACTS
from ace.telemetry.meters import Description
from ace.telemetry.reckoning import Readings, reckon

BOARD = SourceChoice("nvml_counter", Grade.DEVICE_COUNTER, Scope.DEVICE, "GPU-1", "A4000", "560", 0.1, ())
POLLED = replace(BOARD, source="nvml_power", grade=Grade.DEVICE_POLLED)
PACKAGES = SourceChoice("rapl", Grade.HOST_COUNTER, Scope.HOST, None, "package-0", None, 0.001, ())
CONSTANT = SourceChoice("override", Grade.OVERRIDE, Scope.DEVICE, None, None, None, 0.1, ())
MODEL = SourceChoice("modelled", Grade.MODELLED, Scope.HOST, None, None, None, 0.1, ())
START_S, WORK_S, STEP_S, AROUND_S = 100.0, 10.0, 0.04, 1.0
CALM = DeviceState(sm_clock_mhz=1410, memory_clock_mhz=5001, temperature_c=60, power_limit_w=300.0, event_reasons=0)


def readings(choice: SourceChoice, power_w: float, start_s: float, seed: str) -> PowerSeries:
    """A reading every 40 ms: power that wavers by 0.2 %, or what a counter makes of it; of a constant, the constant."""
    rng, facts = random.Random(seed), FACTS[str(choice.source)]
    times = [start_s - AROUND_S + STEP_S * i for i in range(round((WORK_S + 2 * AROUND_S) / STEP_S) + 1)]
    watts = [power_w if choice.source == "override" else power_w * (1 + rng.gauss(0, 0.002)) for _ in times]
    if facts.unit == "W":
        return PowerSeries("W", tuple(times), tuple(watts))
    joules = [rng.uniform(0, 5000)]
    for each in watts[1:]:
        joules.append(joules[-1] + each * STEP_S)
    return PowerSeries("J", tuple(times), tuple(joules))


def window(
    arm: str, power_w: float, call_s: float, choice: SourceChoice, start_s: float = START_S, seed: str = ""
) -> EnergyWindow:
    series = readings(choice, power_w, start_s, f"{seed}/{arm}")
    state = CALM if choice.source in ("nvml_counter", "nvml_power") else None
    return reckoned(arm, series, call_s, choice, start_s, state)


def reckoned(
    arm: str, series: PowerSeries, call_s: float, choice: SourceChoice, start_s: float, state: DeviceState | None
) -> EnergyWindow:
    """The window that an honest session makes of these readings."""
    facts, items = FACTS[str(choice.source)], max(1, round(WORK_S / call_s))
    what = Description(
        source=str(choice.source),
        grade=GRADE_OF[str(choice.source)],
        scope=facts.scope,
        kind=facts.kind,
        unit=facts.unit,
        update_period_s=facts.update_period_s,
        read_every_s=facts.read_every_s,
        averaging_s=facts.averaging_s[0],
        part_time=is_part_time(choice.device_name or ""),
    )
    found = reckon(Readings(what, series, None, state=state), start_s, start_s + WORK_S, WORK_S / items, 0.02)
    return EnergyWindow(
        arm=arm,
        source=str(choice.source),
        start_s=start_s,
        work_s=WORK_S,
        items=items,
        energy_j=found.power_w * WORK_S,
        reason=None,
        update_period_s=found.update_period_s,
        budget=found.budget,
        flags=found.flags,
        state=state,
        series=series,
    )


def powered(
    choice: SourceChoice = BOARD,
    *,
    speed: float = 0.1,
    saved_power: float = 0.0,
    base_w: float = 200.0,
    null_w: float | None = None,
    scopes: tuple[str, ...] = ("speed", "energy", "ecd"),
    telemetry: EnergyPlan | None = None,
    device: str = "cuda",
    change: Callable[[EnergyWindow], EnergyWindow] = lambda made: made,
) -> Callable[[CellRecord], CellRecord]:
    """Adds energy to a record: the candidate takes exp(-speed) of the time at exp(-saved_power) of the power."""

    def energy(index: int, seed: str) -> SessionEnergy:
        wobble = 0.002 * math.sin(1.7 * index)
        calls = {"baseline": 0.001, "null": 0.001 * math.exp(wobble / 3), "candidate": 0.001 * math.exp(wobble - speed)}
        watts = {"baseline": base_w, "null": null_w or base_w, "candidate": base_w * math.exp(-saved_power)}
        made = tuple(
            change(window(arm, watts[arm], calls[arm], choice, START_S + 15 * place, f"{seed}/{index}"))
            for place, arm in enumerate(calls)
        )
        idle = () if choice.simulated else (IdlePower(str(choice.source), 30.0 + index % 3, None),)
        return SessionEnergy((), idle, made)

    graphs, held = (None, None) if device == "cpu" else (0, 90_000_000)

    def add(record: CellRecord) -> CellRecord:
        sessions = tuple(
            replace(
                s,
                energy=energy(s.index, record.attempt),
                energy_checks=tuple(OutputCheck(arm, 4, 1e-7, 1e-6) for arm in ("baseline", "null", "candidate")),
                environment=replace(s.environment, device=device),
                arms=tuple(replace(a, cuda_graphs=graphs) for a in s.arms),
                timings=tuple(replace(t, device_s=None if device == "cpu" else t.wall_s) for t in s.timings),
            )
            for s in record.sessions
        )
        plan = replace(record.plan, scopes=scopes, telemetry=telemetry or EnergyPlan("auto"))
        memory = tuple(replace(m, device_peak_bytes=held) for m in record.memory)
        return replace(record, plan=plan, sessions=sessions, energy_sources=(choice,), memory=memory)

    return add
