"""Each arm alone: the worker's half times one arm in a process that never sees the other, the parent's half pairs them.

Called by `worker` and `observe`. The baseline's process does not even import the executor's code. Pair k starts with
the baseline where k is even and with the candidate where it is odd, so that what drifts hits both alike.
"""

import copy
import gc
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from ace.domain.canonical import digest
from ace.domain.isolated import Isolated, IsolatedPair
from ace.domain.plan import CellPlan
from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.workload import Batch, Executor
from ace.measure import board
from ace.measure.arms import Arms, prepare, state_digest
from ace.measure.bench import Bench
from ace.measure.device import DEVICE
from ace.measure.inputs import Inputs
from ace.measure.messages import Alone, Answer, Task, WorkOrder
from ace.measure.recomputing import error_against
from ace.measure.watching import Watcher
from ace.measure.workshop import Workshop
from ace.models.loading import load_model

OUTPUT = "outputs.npz"
TASKS = {BASELINE: Task.ALONE_BASELINE, CANDIDATE: Task.ALONE_CANDIDATE}


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


def isolated(plan: CellPlan, shop: Workshop, watcher: Watcher, scored: np.ndarray | None) -> Isolated | None:
    """All pairs that the plan asks for; None where it asks for none. `scored`: (n, dim) outputs of the candidate by
    document, None where no single document's output stands for a timed one."""
    if not plan.isolated_sessions:
        return None
    pairs, failures = [], []
    for index in range(plan.isolated_sessions):
        watcher.stage(f"each arm alone, {index + 1} of {plan.isolated_sessions}")
        made = _pair(plan, shop, index, scored)
        if isinstance(made, str):
            failures.append(made)
        else:
            pairs.append(made)
    return Isolated(plan.isolated_sessions, tuple(pairs), tuple(failures))


def _pair(plan: CellPlan, shop: Workshop, index: int, scored: np.ndarray | None) -> IsolatedPair | str:
    """One pair, or why there is none."""
    started_at = time.time()
    order = (BASELINE, CANDIDATE) if index % 2 == 0 else (CANDIDATE, BASELINE)
    found: dict[str, Alone] = {}
    for arm in order:
        answer = shop.run(TASKS[arm], plan, time.time(), index)
        if answer.alone is None:
            return f"pair {index}, {arm}: {_why(answer)}"
        found[arm] = answer.alone
    base, own = found[BASELINE], found[CANDIDATE]
    if base.documents != own.documents:
        return f"pair {index}: the processes were given other documents"
    error = None if scored is None else _apart(shop, scored)
    return IsolatedPair(index, order[0], base.wall_s, own.wall_s, base.documents, started_at, error)


def _apart(shop: Workshop, scored: np.ndarray) -> float:
    """How far the output that the candidate left is from the scored ones of the same documents."""
    with np.load(shop.folder(Task.ALONE_CANDIDATE.value) / OUTPUT, allow_pickle=False) as arrays:
        [output] = [arrays[name] for name in arrays.files if name.endswith("/output")]
        [documents] = [arrays[name] for name in arrays.files if name.endswith("/documents")]
    return error_against(output, scored[documents])


def _why(answer: Answer) -> str:
    failure = answer.failure
    return answer.refused or (f"{failure.kind}: {failure.detail[:500]}" if failure else "an answer without timings")
