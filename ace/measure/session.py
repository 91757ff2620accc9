"""One session, in its own fresh process: the story from loading to a Session record.

Called by `worker`; calls `arms`, `order`, `timing`, `outputs`, `witness`. While an arm is timed nothing else happens
in this process, and the parent sleeps.
"""

import gc
import random
import resource
import time
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ace.domain.canonical import digest
from ace.domain.plan import UNCHANGED
from ace.domain.record import BASELINE, CANDIDATE, NULL, OutputCheck, Session, Timings
from ace.domain.workload import Batch, Executor
from ace.measure import timing, witness
from ace.measure.arms import Arms, arm_state, declared, prepare, require_unchanged
from ace.measure.environment import fingerprint
from ace.measure.failing import ArmError, foreign_code
from ace.measure.inputs import Inputs
from ace.measure.messages import WorkOrder
from ace.measure.order import mirrored_blocks
from ace.measure.outputs import relative_error, require_embedding

KEPT_ROUNDS = 2  # timed rounds whose outputs are kept and looked at again


@dataclass(slots=True)
class _Series:
    """Timings of one arm as they come in."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


def run_session(
    order: WorkOrder, executor: Executor, imported: Set[str]
) -> tuple[Session, Arms, dict[str, np.ndarray]]:
    """Measure one session.  Raises ArmError when an arm misbehaves; returns outputs kept from timed calls as well.

    `imported`: top-level names that were imported before the executor was.
    """
    plan, protocol = order.plan, order.plan.protocol
    seeds = np.random.SeedSequence([plan.seed, order.session])
    rng, dice = np.random.default_rng(seeds), random.Random(f"{plan.seed}/{order.session}")
    inputs = Inputs(Path(order.inputs), rng)
    example = inputs.batch(inputs.draw(plan.shape.batch))
    arms = prepare(plan, executor, example, inputs.calibration, imported)
    surroundings = fingerprint(torch.get_num_threads(), torch.get_num_interop_threads())

    bench = Bench(arms, inputs, plan.shape.batch, timing.Clocks(time.perf_counter, time.process_time), dice)
    ready_s = time.time() - order.spawned_at
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection inside a timed call would be charged to whichever arm it hit
    warmup = bench.run(mirrored_blocks(list(arms.modules), protocol.warmup_rounds, dice), 1, frozenset(), "warmup")
    fastest = min(min(series.wall_s) for series in warmup.series.values())
    calls = timing.calls_per_timing(fastest, protocol.min_timing_s)
    kept = frozenset(dice.sample(range(protocol.rounds), min(KEPT_ROUNDS, protocol.rounds)))
    timed = bench.run(mirrored_blocks(list(arms.modules), protocol.rounds, dice), calls, kept, "timing")
    gc.enable()

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB; read before untimed looks
    checks = timed.recheck(arms, inputs)
    seen, states = [], []
    fresh = inputs.batch(inputs.draw(plan.shape.batch))  # not the example: the executor has seen that
    computed = {rival.name for rival in plan.rivals if rival.role in UNCHANGED}
    for name, module in arms.modules.items():
        if name in computed:
            continue  # they compute what the baseline does, and following a compiled one takes seconds
        with foreign_code("check", name):
            work, kernels = witness.witness(name, module, fresh)
        seen.append(work)
        if name not in (BASELINE, NULL, CANDIDATE):
            continue
        states.append(arm_state(name, module, surroundings.threads, kernels))
    promised = declared(executor, fresh)  # of the very batch that the witness saw: lengths may differ
    require_unchanged(arms.model, arms.model_digest, "check")
    if arms.planted is None:
        require_unchanged(arms.modules[BASELINE], arms.model_digest, "check")
    session = Session(
        index=order.session,
        seed=plan.seed,
        started_at=order.spawned_at,
        ready_s=ready_s,
        measuring_s=timed.measuring_s,
        timed_s=timed.timed_s * calls,
        calls_per_timing=calls,
        warmup=warmup.timings(),
        timings=timed.timings(),
        order=timed.order,
        inputs=tuple(timed.inputs),
        inputs_digest=digest([list(row) for row in timed.inputs]),
        arms=tuple(states),
        witness=tuple(seen),
        declared_tokens_per_layer=promised.tokens_per_layer,
        declared_changes=promised.changes,
        declared_equivalent=promised.equivalent,
        rivals_failed=arms.rivals_failed,
        checks=tuple(checks),
        baseline_digest=arms.model_digest,
        prepare_s=arms.prepare_s,
        new_dependencies=arms.new_dependencies,
        peak_rss_bytes=peak,
        environment=surroundings,
    )
    return session, arms, timed.kept_arrays()


@dataclass(slots=True)
class Run:
    """Timed rounds as they come in, with the outputs kept."""

    order: tuple[tuple[str, ...], ...]
    series: dict[str, _Series]
    inputs: list[tuple[int, ...]] = field(default_factory=list)
    kept: dict[tuple[str, int], tuple[tuple[int, ...], torch.Tensor]] = field(default_factory=dict)
    measuring_s: float = 0.0

    @property
    def timed_s(self) -> float:
        """Sum of the seconds per call."""
        return sum(sum(series.wall_s) for series in self.series.values())

    def timings(self) -> tuple[Timings, ...]:
        """As the record holds them."""
        return tuple(Timings(arm, tuple(s.wall_s), tuple(s.cpu_s)) for arm, s in self.series.items())

    def recheck(self, arms: Arms, inputs: Inputs) -> list[OutputCheck]:
        """Compute the kept outputs again, untimed."""
        checks = []
        for (arm, index), (documents, output) in sorted(self.kept.items()):
            batch = inputs.batch(documents)
            with foreign_code("check", arm), torch.inference_mode():
                again = arms.modules[arm](batch.ids, batch.mask)
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
    dice: random.Random
    width: int | None = None

    def run(self, order: tuple[tuple[str, ...], ...], calls: int, kept: frozenset[int], stage: str) -> Run:
        """Time `order`; `calls` calls a timing; keep the outputs of the rounds in `kept`."""
        run = Run(order, {arm: _Series() for arm in self.arms.modules})
        start = self.clocks.wall()
        for index, arms in enumerate(order):
            documents = [self.inputs.draw(self.examples) for _ in range(calls)]
            run.inputs.append(tuple(i for row in documents for i in row))
            pristine = [self.inputs.batch(row) for row in documents]
            call = self.dice.randrange(calls)  # which of a timing's calls is kept
            for arm in arms:
                outputs = self._time_arm(run.series[arm], arm, pristine, stage)
                if index in kept:
                    run.kept[arm, index] = (documents[call], outputs[call].clone())
        run.measuring_s = self.clocks.wall() - start
        return run

    def _time_arm(self, series: _Series, arm: str, pristine: list[Batch], stage: str) -> list[torch.Tensor]:
        given = [Batch(batch.ids.clone(), batch.mask.clone()) for batch in pristine]
        with foreign_code(stage, arm), torch.inference_mode():
            wall_s, cpu_s, outputs = timing.time_calls(self.arms.modules[arm], given, self.clocks)
        series.wall_s.append(wall_s)
        series.cpu_s.append(cpu_s)
        for got, sent in zip(given, pristine, strict=True):
            if not (torch.equal(got.ids, sent.ids) and torch.equal(got.mask, sent.mask)):
                raise ArmError(stage, "changed input", arm, f"the {arm} arm changed its input; clone it first")
        checked = [require_embedding(output, self.examples, self.width, stage, arm) for output in outputs]
        self.width = checked[0].shape[1]
        return checked
