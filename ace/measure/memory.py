"""Peak memory of one arm, alone in a process of its own: what a server that runs only this arm would need.

Carried out by `worker` for a memory order, outside every session: in a session all arms share one process, and nobody
could say whose memory it is. The kernel's high-water mark is reset once the arm is prepared (proc(5), clear_refs), so
that loading and preparing do not count.
"""

import ctypes
import gc
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.workload import Executor
from ace.measure import board
from ace.measure.arms import prepare
from ace.measure.device import DEVICE
from ace.measure.failing import foreign_code
from ace.measure.inputs import Inputs
from ace.measure.messages import Task, WorkOrder
from ace.models.loading import load_model

CALLS = 8
STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peaks(order: WorkOrder, executor: Executor, device: str = DEVICE) -> tuple[int | None, int | None]:
    """Peak bytes over calls of the cell's shape: resident, None where this system does not tell; and held on the board
    that `device` names, None where it is none."""
    plan = replace(order.plan, rivals=())
    inputs = Inputs(Path(order.inputs), np.random.default_rng(plan.seed))
    if order.task is Task.MEMORY_BASELINE:
        arm, module = BASELINE, load_model(plan.model)
    else:
        example = inputs.batch(inputs.draw(plan.shape.batch))
        arm, module = CANDIDATE, prepare(plan, executor, example, inputs.calibration).modules[CANDIDATE]
    _give_back_free_memory()
    known = _reset_peak()
    board.reset_peak(device)
    for _ in range(CALLS):
        batch = inputs.batch(inputs.draw(plan.shape.batch))
        with foreign_code("memory", arm), torch.inference_mode():
            module(batch.ids, batch.mask)
    return _peak() if known else None, board.peak_bytes(device)


def _give_back_free_memory() -> None:
    """What was freed while loading and preparing goes back to the system, where the allocator can do that."""
    gc.collect()
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)


def _reset_peak() -> bool:
    try:
        CLEAR_REFS.write_text("5", encoding="ascii")  # 5: the peak becomes what is resident now
    except OSError:
        return False
    return True


def _peak() -> int | None:
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
