"""Energy of one comparison: which source is chosen (by the parent, once) and what a session measures with it.

Called by `observe` and, after the timed rounds, by `session`. While an arm is timed no source is read.
"""

import random
import time
from collections.abc import Callable, Sequence
from itertools import cycle

import torch

from ace.domain.energy import EnergyPlan, EnergyWindow, Refusal, SessionEnergy, SourceChoice
from ace.domain.plan import ECD, ENERGY, CellPlan
from ace.domain.record import BASELINE, CANDIDATE, NULL
from ace.measure.arms import Arms
from ace.measure.device import Place, place_of
from ace.measure.failing import foreign_code
from ace.measure.inputs import Inputs
from ace.telemetry import Ports, Refused, Rig, choose, local_ports, measure_idle, measure_window, reopen
from ace.telemetry.meters import Meter
from ace.telemetry.sampling import thread_every

BATCHES = 32  # fresh ones that a window goes through again and again: drawing each would be measured too


def chosen_sources(
    plan: EnergyPlan, ports: Ports | None = None, place: Place | None = None
) -> tuple[SourceChoice, ...]:
    """The source of each chain for a whole comparison, of the very board that the arms run on where they run on one."""
    where = place or place_of()
    return choose(plan, ports or local_ports(where.board_uuid, where.unmetered))


def measured_arms(plan: CellPlan) -> tuple[str, ...]:
    """Arms that get a window: where energy is to be claimed the null arm too, which is the meter's own A/A."""
    return (BASELINE, NULL, CANDIDATE) if {ENERGY, ECD} & set(plan.scopes) else (BASELINE, CANDIDATE)


def session_energy(
    plan: CellPlan,
    sources: Sequence[SourceChoice],
    session: int,
    arms: Arms,
    inputs: Inputs,
    settle: Callable[[], None],
    ports: Ports | None = None,
    place: Place | None = None,
) -> SessionEnergy | None:
    """Idle power and a window of each arm by every chosen source; None where none was chosen.

    The order of the arms is turned round from session to session. Raises ArmError when an arm misbehaves.
    """
    chosen = [choice for choice in sources if choice.source is not None]
    if not chosen:
        return None
    dice = random.Random(f"{plan.seed}/{session}/energy")
    rig, examples = Rig(time.perf_counter, thread_every, settle, time.sleep, dice.random), plan.shape.batch
    meters, refused = _opened(plan.telemetry, chosen, ports or local_ports(), place or place_of())
    try:
        if not meters:
            return SessionEnergy(refused, (), ())
        real = [meter for meter in meters if not meter.description.grade.simulated]
        idle = measure_idle(real, rig) if real else ()
        order = measured_arms(plan)[:: 1 if session % 2 == 0 else -1]
        windows: list[EnergyWindow] = []
        for arm in order:
            call = _calling(arm, arms.modules[arm], inputs, examples)
            windows += measure_window(arm, call, examples, meters, plan.telemetry, rig)
        return SessionEnergy(refused, idle, tuple(windows))
    finally:
        for meter in meters:
            meter.close()


def _calling(arm: str, module: Callable[..., object], inputs: Inputs, examples: int) -> Callable[[], object]:
    batches = cycle([inputs.batch(inputs.draw(examples)) for _ in range(BATCHES)])

    def call() -> object:
        batch = next(batches)
        with foreign_code("energy", arm), torch.inference_mode():
            return module(batch.ids, batch.mask)

    return call


def _opened(
    plan: EnergyPlan, chosen: Sequence[SourceChoice], ports: Ports, place: Place
) -> tuple[list[Meter], tuple[Refusal, ...]]:
    """The very sources that were chosen, and why one of them no longer opens."""
    meters: list[Meter] = []
    refused = []
    for choice in chosen:
        try:
            if None not in (place.board_uuid, choice.device_uuid) and place.board_uuid != choice.device_uuid:
                raise Refused("other device", f"the arms run on {place.board_uuid}; chosen: {choice.device_uuid}")
            meters.append(reopen(choice, plan, ports))
        except Refused as refusal:
            refused.append(Refusal(str(choice.source), refusal.reason, str(refusal)))
    return meters, tuple(refused)
