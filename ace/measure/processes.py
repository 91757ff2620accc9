"""The parent's half of a worker: start a fresh process, sleep until it ends, make sense of what it left.

Called by `examination` and `observe`. Whatever goes wrong with a worker (it dies, hangs, answers rubbish) is returned
as a Failure, so that the cell goes on.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from ace.domain.record import Failure
from ace.measure.messages import Answer, Task, WorkOrder, read_answer, write_json

LOG_TAIL = 1500  # characters of a dead worker's last words that a Failure keeps


def run_worker(order: WorkOrder, folder: Path, limit_s: float) -> Answer:
    """Carry out `order` in a fresh process, at most `limit_s` seconds; the folder holds its inputs and its files."""
    write_json(folder / "order.json", order)
    (folder / "answer.json").unlink(missing_ok=True)
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ace.measure.worker", str(folder), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=worker_environment(order),
            start_new_session=True,
        )
        try:
            ended = _sleep_until_exit(process, limit_s)
        finally:
            _end_group(process)
    session = order.session if order.task is Task.SESSION else None
    if not ended:
        return _failed(
            session,
            "hung",
            f"the worker was still running after its limit of {limit_s:g} s and was killed; "
            "raise protocol.session_limit_s if the work is that long",
            folder,
        )
    try:
        return read_answer(folder)
    except FileNotFoundError:
        return _failed(session, "died", _how_it_ended(process.returncode), folder)
    except (ValueError, UnicodeDecodeError) as error:
        return _failed(session, "rubbish", f"the worker's answer cannot be read: {error}", folder)


def worker_environment(order: WorkOrder) -> dict[str, str]:
    """The parent's environment with thread counts fixed and the parent's import path handed on."""
    threads = str(order.threads_here)
    path = [os.getcwd() if entry == "" else entry for entry in sys.path]
    fixed = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    # compiling in helpers would leave processes that wake up while somebody is timed
    fixed["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    # of this attempt alone: its first process compiles with nothing at hand, and what that costs is recorded
    fixed["TORCHINDUCTOR_CACHE_DIR"] = str(Path(order.inputs).parent / "inductor")
    fixed["ACE_CACHE_DIR"] = order.cache
    return {**os.environ, **fixed, "PYTHONPATH": os.pathsep.join(path)}


def _sleep_until_exit(process: subprocess.Popen[bytes], limit_s: float) -> bool:
    """Whether it ended in time. Sleeps in the kernel where it can: Popen.wait wakes twenty times a second."""
    if hasattr(os, "pidfd_open"):
        descriptor = os.pidfd_open(process.pid)
        try:
            select.select([descriptor], [], [], limit_s)
        finally:
            os.close(descriptor)
        return process.poll() is not None
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the worker and whatever it started: nothing may run on into the next session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _how_it_ended(code: int) -> str:
    if code == -signal.SIGKILL:
        return "the worker was killed (SIGKILL: by the out-of-memory killer, or by hand)"
    if code < 0:
        return f"the worker was killed by signal {signal.Signals(-code).name}"
    return f"the worker exited with code {code} and left no answer"


def _failed(session: int | None, kind: str, text: str, folder: Path) -> Answer:
    words = (folder / "worker.log").read_bytes()[-LOG_TAIL:].decode(errors="replace").strip()
    detail = f"{text}\n{words}" if words else text
    return Answer(failure=Failure(session, "process", kind, None, detail))
