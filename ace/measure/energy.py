"""Energy of one comparison: what a session measures with the sources that the parent chose (`sources`).

Called by `session` after the timed rounds. While an arm is timed no source is read.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np
import torch

from ace.domain.energy import EnergyPlan, EnergyWindow, Refusal, SessionEnergy, SourceChoice
from ace.domain.plan import ECD, ENERGY, CellPlan
from ace.domain.session import BASELINE, CANDIDATE, NULL, OutputCheck
from ace.measure.arms import Arms
from ace.measure.device import Place, place_of
from ace.measure.failing import foreign_code
from ace.measure.inputs import Inputs
from ace.measure.outputs import relative_error, require_embedding
from ace.measure.probing import predict
from ace.telemetry import Ports, Refused, Rig, local_ports, measure_idle, measure_window, reopen
from ace.telemetry.meters import Meter
from ace.telemetry.sampling import thread_every

BATCHES = 32  # fresh ones that a window goes through again and again: drawing each would be measured too


@dataclass(slots=True)
class Kept:
    """One output of the calls of a window and its documents. Which one is drawn call by call, by chance that no seed
    tells (reservoir sampling: Vitter 1985, algorithm R), so that every call of warm-up, work and waiting is as likely.
    """

    secret: random.Random = field(default_factory=random.SystemRandom)
    calls: int = 0
    call: int = 0
    documents: tuple[int, ...] = ()
    output: object = None

    def offer(self, documents: tuple[int, ...], output: object) -> None:
        """Keep it in the place of the one before, once in as many calls as there were."""
        self.calls += 1
        if self.secret.random() * self.calls < 1:
            self.call, self.documents = self.calls, documents
            self.output = output.clone() if isinstance(output, torch.Tensor) else output


@dataclass(frozen=True, slots=True)
class Measured:
    """What a session measured of energy. `kept`: by arm that had a window."""

    energy: SessionEnergy
    kept: dict[str, Kept]

    def recheck(self, arms: Arms, inputs: Inputs) -> tuple[OutputCheck, ...]:
        """The kept outputs against the same calls outside of any window.  Raises ArmError for what is no output."""
        checks = []
        for arm, kept in self.kept.items():
            output = require_embedding(kept.output, len(kept.documents), None, "energy", arm)
            with foreign_code("energy", arm), torch.inference_mode():
                again = predict(arms.modules[arm], inputs.batch(kept.documents))
            again = require_embedding(again, len(kept.documents), output.shape[1], "energy", arm)
            checks.append(OutputCheck(arm, kept.call, relative_error(output, again), None))
        return tuple(checks)

    def kept_arrays(self) -> dict[str, np.ndarray]:
        """For comparison with the scored embeddings, as `energy/arm`.  Call it after `recheck`."""
        arrays: dict[str, np.ndarray] = {}
        for arm, kept in self.kept.items():
            assert isinstance(kept.output, torch.Tensor)
            arrays[f"energy/{arm}/output"] = kept.output.numpy()
            arrays[f"energy/{arm}/documents"] = np.asarray(kept.documents, dtype=np.int64)
        return arrays


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
) -> Measured | None:
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
            return Measured(SessionEnergy(refused, (), ()), {})
        real = [meter for meter in meters if not meter.description.grade.simulated]
        idle = measure_idle(real, rig) if real else ()
        order = measured_arms(plan)[:: 1 if session % 2 == 0 else -1]
        windows: list[EnergyWindow] = []
        kept = {arm: Kept() for arm in order}
        for arm in order:
            call = _calling(arm, arms.modules[arm], inputs, examples, kept[arm])
            windows += measure_window(arm, call, examples, meters, plan.telemetry, rig)
        return Measured(SessionEnergy(refused, idle, tuple(windows)), kept)
    finally:
        for meter in meters:
            meter.close()


def _calling(
    arm: str, module: Callable[..., object], inputs: Inputs, examples: int, kept: Kept
) -> Callable[[], object]:
    drawn = [inputs.draw(examples) for _ in range(BATCHES)]
    batches = cycle([(documents, inputs.batch(documents)) for documents in drawn])

    def call() -> object:
        documents, batch = next(batches)
        with foreign_code("energy", arm), torch.inference_mode():
            output = module(batch.ids, batch.mask)
            kept.offer(documents, output)
        return output

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
