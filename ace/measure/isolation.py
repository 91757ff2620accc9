"""Each arm alone: pairs of processes, each of which times one arm and never sees the other (`alone`).

Called by `observe`, in the parent, which sleeps meanwhile and never imports torch. Pair k starts with the baseline
where k is even and with the candidate where it is odd, so that what drifts hits both alike.
"""

import time

import numpy as np

from ace.domain.isolated import Isolated, IsolatedPair
from ace.domain.plan import CellPlan
from ace.domain.session import BASELINE, CANDIDATE
from ace.measure.messages import Alone, Answer, Task
from ace.measure.recomputing import error_against
from ace.measure.watching import Watcher
from ace.measure.workshop import Workshop

OUTPUT = "outputs.npz"
TASKS = {BASELINE: Task.ALONE_BASELINE, CANDIDATE: Task.ALONE_CANDIDATE}


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
