"""One arm timed in a process that never sees the other: the worker's half of `isolation`, which pairs two of them.

Called by `worker`. The baseline's process does not even import the executor's code.
"""

import copy
import gc
from dataclasses import replace
from pathlib import Path

import numpy as np

from ace.domain.canonical import digest
from ace.domain.plan import CellPlan
from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.workload import Batch, Executor
from ace.measure import board
from ace.measure.arms import Arms, prepare, state_digest
from ace.measure.bench import Bench
from ace.measure.device import DEVICE
from ace.measure.inputs import Inputs
from ace.measure.isolation import OUTPUT
from ace.measure.messages import Alone, WorkOrder
from ace.models.loading import load_model


def time_alone(order: WorkOrder, executor: Executor | None, folder: Path) -> Alone:
    """Time one arm by itself, on the documents that its partner gets.  Raises ArmError when the candidate misbehaves.

    `executor`: None times the baseline. One output of a timed call is left in `folder`.
    """
    plan = replace(order.plan, rivals=())
    rng = np.random.default_rng(np.random.SeedSequence([plan.seed, order.session, 1]))
    inputs = Inputs(Path(order.inputs), rng)
    example = inputs.batch(inputs.draw(plan.shape.batch))
    arms = _baseline(plan) if executor is None else _candidate(plan, executor, example, inputs)
    [arm] = arms.modules
    bench = Bench(arms, inputs, plan.shape.batch, board.clocks_of(DEVICE))
    gc.collect()
    gc.freeze()
    gc.disable()
    protocol = plan.protocol
    bench.run(((arm,),) * protocol.warmup_rounds, 1, 0, "warmup")
    run = bench.run(((arm,),) * protocol.rounds, 1, 1, "timing")
    gc.enable()
    np.savez(folder / OUTPUT, allow_pickle=False, **run.kept_arrays())
    return Alone(tuple(run.series[arm].wall_s), digest([list(row) for row in run.inputs]))


def _baseline(plan: CellPlan) -> Arms:
    model = load_model(plan.model)
    return Arms({BASELINE: copy.deepcopy(model)}, model, state_digest(model), 0.0, None, (), ())


def _candidate(plan: CellPlan, executor: Executor, example: Batch, inputs: Inputs) -> Arms:
    arms = prepare(plan, executor, example, inputs.calibration)
    return replace(arms, modules={CANDIDATE: arms.modules[CANDIDATE]})
