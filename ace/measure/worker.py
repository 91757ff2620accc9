"""The worker process: `python -m ace.measure.worker FOLDER` carries out the order in FOLDER and leaves an answer there.

Started by `processes` in the parent. A bug in ACE rises with its traceback and a non-zero exit, which the parent
records as a death; only foreign code's misbehaviour is answered as a Failure.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ace.domain.record import Failure
from ace.errors import DataError, PlanError
from ace.executors.loading import load_executor
from ace.measure.alone import time_alone
from ace.measure.company import adopt_orphans, look_around
from ace.measure.dependencies import imported_names
from ace.measure.embedding import embed, recompute
from ace.measure.failing import ArmError, foreign_code
from ace.measure.memory import peaks
from ace.measure.messages import Answer, Task, WorkOrder, read_order, write_json
from ace.measure.peak import measure_peak
from ace.measure.seal import seal
from ace.measure.session import Beforehand, run_session

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when the parent dies, so that no orphan disturbs the next measurement."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)


def offer_to_the_kernel() -> None:
    """Be the process that is killed where memory runs out, rather than the parent, which holds what was measured."""
    with contextlib.suppress(OSError):  # no Linux
        Path("/proc/self/oom_score_adj").write_text("1000")


def leave() -> None:
    """End without waiting for threads that an executor left: the answer is written."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def marker(descriptor: int | None) -> Callable[[], None]:
    """Writes a byte into the pipe that the parent listens to; nothing where there is none."""
    if descriptor is None:
        return lambda: None
    os.set_inheritable(descriptor, False)
    write = os.write  # as it is now, before the executor's code is loaded
    return lambda: _write(write, descriptor)


def _write(write: Callable[[int, bytes], int], descriptor: int) -> None:
    write(descriptor, b".")


def carry_out(order: WorkOrder, folder: Path, mark: Callable[[], None]) -> Answer:
    """Do what the order says. `mark`: see `run_session`."""
    if order.task is Task.PEAK:  # before any foreign code is loaded: nobody shall make the machine look slow or fast
        return Answer(peak=measure_peak(time.perf_counter, order.threads_here))
    if order.task is Task.ALONE_BASELINE:  # nor shall anybody be near the baseline
        return Answer(alone=time_alone(order, None, folder))
    session = order.session if order.task is Task.SESSION else None
    beforehand = Beforehand(imported_names(), seal(), look_around())
    try:
        with foreign_code("construct", "candidate"):
            executor = load_executor(order.plan.executor)
        if order.task is Task.CHECK:
            return Answer()
        if order.task is Task.SESSION:
            measured, arms, kept = run_session(order, executor, beforehand, mark)
            np.savez(folder / "outputs.npz", allow_pickle=False, **kept)
            return Answer(session=measured, planted=arms.planted)
        if order.task is Task.ALONE_CANDIDATE:
            return Answer(alone=time_alone(order, executor, folder))
        if order.task in (Task.MEMORY_BASELINE, Task.MEMORY_CANDIDATE):
            resident, held = peaks(order, executor)
            return Answer(peak_bytes=resident, device_peak_bytes=held)
        if order.task is Task.RECOMPUTE:
            outputs = recompute(order, executor, np.load(folder / "batches.npy", allow_pickle=False))
            np.save(folder / "outputs.npy", outputs, allow_pickle=False)
            return Answer()
        embedded = embed(order, executor)
        np.save(folder / "embeddings.npy", embedded.outputs, allow_pickle=False)
        return Answer(
            planted=embedded.planted,
            company=embedded.company,
            equivalent=embedded.equivalent,
            prepare_s=embedded.prepare_s,
        )
    except ArmError as error:
        if error.stage == "construct":
            return Answer(refused=error.detail)
        return Answer(failure=error.failure(session))
    except (PlanError, DataError) as error:
        return Answer(failure=Failure(session, "load", "refused", None, str(error)))


def main() -> None:
    """Entry point of the process."""
    folder = Path(sys.argv[1])
    die_with_parent(int(sys.argv[2]))
    offer_to_the_kernel()
    order = read_order(folder)
    torch.set_num_interop_threads(1)
    torch.set_num_threads(order.threads_here)
    adopt_orphans()
    mark = marker(int(sys.argv[3]) if len(sys.argv) > 3 else None)
    write_json(folder / "answer.json", carry_out(order, folder, mark))
    leave()


if __name__ == "__main__":
    main()
