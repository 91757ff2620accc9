"""Rounds of timed calls: every arm of a round on the same fresh documents, outputs kept from some of them.

Driven by `session` and `alone`; the clock is read in `timing` alone. What is done here lies outside the clock's
readings. Which outputs are kept is drawn when all rounds are over, by chance that no seed tells: whoever knew it sooner
could compute those alone.
"""

import random
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import get_num_threads

from ace.domain.probes import SHAM
from ace.domain.session import OutputCheck, Timings
from ace.domain.workload import Batch
from ace.measure import timing
from ace.measure.arms import Arms
from ace.measure.failing import ArmError, foreign_code
from ace.measure.inputs import Inputs
from ace.measure.outputs import relative_error, require_embedding
from ace.measure.probing import predict


@dataclass(slots=True)
class Series:
    """Timings of one arm as they come in, and the thread counts read before and after each."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    device_s: list[float] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """Timed rounds as they come in, with the outputs kept."""

    order: tuple[tuple[str, ...], ...]
    series: dict[str, Series]
    inputs: list[tuple[int, ...]] = field(default_factory=list)
    kept: dict[tuple[str, int], tuple[tuple[int, ...], torch.Tensor]] = field(default_factory=dict)
    measuring_s: float = 0.0

    @property
    def timed_s(self) -> float:
        """Sum of the seconds per call."""
        return sum(sum(series.wall_s) for series in self.series.values())

    @property
    def fastest_s(self) -> float:
        """Of all timings of all arms."""
        return min(min(series.wall_s) for series in self.series.values())

    def timings(self) -> tuple[Timings, ...]:
        """As the record holds them."""
        return tuple(
            Timings(arm, tuple(s.wall_s), tuple(s.cpu_s), tuple(s.device_s) or None) for arm, s in self.series.items()
        )

    def recheck(self, arms: Arms, inputs: Inputs) -> list[OutputCheck]:
        """Compute the kept outputs again, untimed, by the function that disguised calls are made with. The sham's are
        left out: nobody claims them."""
        checks = []
        for (arm, index), (documents, output) in sorted(self.kept.items()):
            if arm == SHAM:
                continue
            batch = inputs.batch(documents)
            with foreign_code("check", arm), torch.inference_mode():
                again = predict(arms.modules[arm], batch)
            again = require_embedding(again, len(documents), output.shape[1], "check", arm)
            checks.append(OutputCheck(arm, index, relative_error(output, again), None))
        return checks

    def kept_arrays(self) -> dict[str, np.ndarray]:
        """Kept outputs and their documents by `arm/round`, for comparison with the scored embeddings."""
        arrays: dict[str, np.ndarray] = {}
        for (arm, index), (documents, output) in self.kept.items():
            arrays[f"{arm}/{index}/output"] = output.numpy()
            arrays[f"{arm}/{index}/documents"] = np.asarray(documents, dtype=np.int64)
        return arrays


@dataclass(slots=True)
class Bench:
    """Times rounds: every arm of a round on the same fresh documents, each on its own copy of them."""

    arms: Arms
    inputs: Inputs
    examples: int
    clocks: timing.Clocks
    width: int | None = None
    secret: random.Random = field(default_factory=random.SystemRandom)

    def run(self, order: tuple[tuple[str, ...], ...], calls: int, keep: int, stage: str) -> Run:
        """Time `order`; `calls` calls a timing; keep an output of every arm from `keep` rounds."""
        run = Run(order, {arm: Series() for arm in self.arms.modules})
        made: dict[tuple[str, int], tuple[tuple[int, ...], torch.Tensor]] = {}
        start = self.clocks.wall()
        for index, arms in enumerate(order):
            documents = [self.inputs.draw(self.examples) for _ in range(calls)]
            run.inputs.append(tuple(i for row in documents for i in row))
            pristine = [self.inputs.batch(row) for row in documents]
            for arm in arms:
                outputs = self._time_arm(run.series[arm], arm, pristine, stage)
                call = self.secret.randrange(calls)
                made[arm, index] = (documents[call], outputs[call].clone())
        run.measuring_s = self.clocks.wall() - start
        kept = set(self.secret.sample(range(len(order)), min(keep, len(order))))
        run.kept = {place: output for place, output in made.items() if place[1] in kept}
        return run

    def _time_arm(self, series: Series, arm: str, pristine: list[Batch], stage: str) -> list[torch.Tensor]:
        given = [Batch(batch.ids.clone(), batch.mask.clone()) for batch in pristine]
        before = get_num_threads()
        with foreign_code(stage, arm), torch.inference_mode():
            timed = timing.time_calls(self.arms.modules[arm], given, self.clocks)
        series.threads += (before, get_num_threads())
        series.wall_s.append(timed.wall_s)
        series.cpu_s.append(timed.cpu_s)
        if timed.device_s is not None:
            series.device_s.append(timed.device_s)
        for got, sent in zip(given, pristine, strict=True):
            if not (torch.equal(got.ids, sent.ids) and torch.equal(got.mask, sent.mask)):
                raise ArmError(stage, "changed input", arm, f"the {arm} arm changed its input; clone it first")
        checked = [require_embedding(output, self.examples, self.width, stage, arm) for output in timed.outputs]
        if len({output.data_ptr() for output in checked}) < len(checked):
            said = f"the {arm} arm gave two calls' answers in the same memory; return a clone of it"
            raise ArmError(stage, "invalid output", arm, said)
        self.width = checked[0].shape[1]
        return checked
