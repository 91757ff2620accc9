"""Records whose sessions carry energy windows of a known truth: one power an arm, a counter that ticks every 100 ms."""

import math
from collections.abc import Callable
from dataclasses import replace

from ace.domain.budget import Component
from ace.domain.energy import (
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
from ace.telemetry.uncertainty import EDGES, STEPS, window_budget

BOARD = SourceChoice("nvml_counter", Grade.DEVICE_COUNTER, Scope.DEVICE, "GPU-1", "A4000", "560", 0.1, ())
PACKAGES = SourceChoice("rapl", Grade.HOST_COUNTER, Scope.HOST, None, "package-0", None, 0.001, ())
CONSTANT = SourceChoice("override", Grade.OVERRIDE, Scope.DEVICE, None, None, None, 0.1, ())
MODEL = SourceChoice("modelled", Grade.MODELLED, Scope.HOST, None, None, None, 0.1, ())
START_S, WORK_S, STEP_S = 100.0, 10.0, 0.1


def window(arm: str, power_w: float, call_s: float, choice: SourceChoice, **changes: object) -> EnergyWindow:
    times = [START_S - 1 + STEP_S * i for i in range(round((WORK_S + 2) / STEP_S) + 1)]
    sensed = choice.grade in (Grade.DEVICE_POLLED, Grade.DEVICE_PROBE, Grade.OVERRIDE)
    values = [power_w * (1 + 0.001 * (i % 3 - 1) * (not choice.simulated)) for i in range(len(times))]
    if not sensed:
        values = [5000 + power_w * STEP_S * i for i in range(len(times))]
    made = EnergyWindow(
        arm=arm,
        source=str(choice.source),
        start_s=START_S,
        work_s=WORK_S,
        items=max(1, round(WORK_S / call_s)),
        energy_j=power_w * WORK_S,
        reason=None,
        update_period_s=choice.update_period_s,
        budget=window_budget(choice.scope, choice.grade, power_w, (Component(EDGES, 0.001, False, STEPS),)),
        flags=(),
        state=None,
        series=PowerSeries("W" if sensed else "J", tuple(times), tuple(values)),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


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

    def energy(index: int) -> SessionEnergy:
        wobble = 0.002 * math.sin(1.7 * index)
        calls = {"baseline": 0.001, "null": 0.001 * math.exp(wobble / 3), "candidate": 0.001 * math.exp(wobble - speed)}
        watts = {"baseline": base_w, "null": null_w or base_w, "candidate": base_w * math.exp(-saved_power)}
        made = tuple(change(window(arm, watts[arm], calls[arm], choice)) for arm in calls)
        idle = () if choice.simulated else (IdlePower(str(choice.source), 30.0 + index % 3, None),)
        return SessionEnergy((), idle, made)

    def add(record: CellRecord) -> CellRecord:
        sessions = tuple(
            replace(s, energy=energy(s.index), environment=replace(s.environment, device=device))
            for s in record.sessions
        )
        plan = replace(record.plan, scopes=scopes, telemetry=telemetry or EnergyPlan("auto"))
        return replace(record, plan=plan, sessions=sessions, energy_sources=(choice,))

    return add
