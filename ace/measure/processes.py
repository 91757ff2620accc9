"""The parent's half of a worker: start a fresh process, sleep until it ends, make sense of what it left.

Called by `examination` and `observe`. A session writes a byte into a pipe right before its first timed round and right
after its last; the parent wakes, reads its own clock, and sleeps on. It also wakes for what the worker prints. Whatever
goes wrong with a worker (it dies, hangs, answers rubbish) is returned as a Failure, so that the cell goes on.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ace.domain.probes import Clock
from ace.domain.record import Failure
from ace.domain.session import COMPILE_THREADS, THREAD_COUNTS, Session
from ace.measure.company import ending_strays
from ace.measure.hearing import READ_BYTES, Words
from ace.measure.messages import Answer, Task, WorkOrder, read_answer, write_json

WORKER = "ace.measure.worker"
LOG_TAIL = 1500  # characters of a dead worker's last words that a Failure keeps
POLL_S = 0.05  # where the kernel cannot be asked to wake us when a process ends
SECRETS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PGPASSWORD")
"""Of the store, which a worker never opens; an executor is foreign code, and its words are kept."""
PROCESS = "process"
"""The stage of what a worker's own end says, and no answer of its: that it died, hung or left rubbish."""
MARKS = 2  # of a session: before its timed rounds and after them


def run_worker(order: WorkOrder, folder: Path, limit_s: float) -> Answer:
    """Carry out `order` in a fresh process, at most `limit_s` seconds; the folder holds its inputs and its files."""
    write_json(folder / "order.json", order)
    (folder / "answer.json").unlink(missing_ok=True)
    stamps: list[float] = []
    words = Words()
    listening, marking = os.pipe()
    hearing, talking = os.pipe()
    with ending_strays(), _closing(listening), _closing(hearing):
        with _closing(marking), _closing(talking):
            process = _started(order, folder, talking, marking)
        try:
            ended = _sleep_until_exit(process, limit_s, listening, stamps, hearing, words)
        finally:
            _end_group(process)
        words.hear_out(hearing)
    words.write(folder / "worker.log")
    session = order.session if order.task is Task.SESSION else None
    if not ended:
        return _failed(
            session,
            "hung",
            f"the worker was still running after its limit of {limit_s:g} s and was killed; "
            "raise protocol.session_limit_s if the work is that long",
            words,
        )
    try:
        return _stamped(read_answer(folder), stamps)
    except FileNotFoundError:
        return _failed(session, "died", _how_it_ended(process.returncode), words)
    except (ValueError, UnicodeDecodeError) as error:
        return _failed(session, "rubbish", f"the worker's answer cannot be read: {error}", words)


def worker_environment(order: WorkOrder) -> dict[str, str]:
    """The parent's environment without the store's secrets, thread counts fixed, the import path handed on."""
    threads = str(order.threads_here)
    path = [os.getcwd() if entry == "" else entry for entry in sys.path]
    fixed = dict.fromkeys(THREAD_COUNTS, threads)
    # compiling in helpers would leave processes that wake up while somebody is timed
    fixed[COMPILE_THREADS] = "1"
    # of this attempt alone: its first process compiles with nothing at hand, and what that costs is recorded
    fixed["TORCHINDUCTOR_CACHE_DIR"] = str(Path(order.inputs).parent / "inductor")
    fixed["ACE_CACHE_DIR"] = order.cache
    inherited = {key: value for key, value in os.environ.items() if key not in SECRETS}
    return {**inherited, **fixed, "PYTHONPATH": os.pathsep.join(path)}


def _started(order: WorkOrder, folder: Path, talking: int, marking: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", WORKER, str(folder), str(os.getpid()), str(marking)],
        stdin=subprocess.DEVNULL,
        stdout=talking,
        stderr=subprocess.STDOUT,
        env=worker_environment(order),
        start_new_session=True,
        pass_fds=(marking,),
    )


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sleep_until_exit(
    process: subprocess.Popen[bytes],
    limit_s: float,
    listening: int,
    stamps: list[float],
    hearing: int,
    words: Words,
) -> bool:
    """Whether it ended in time; when each mark came goes to `stamps`, what it prints to `words`. Sleeps in the kernel
    where it can: Popen.wait wakes twenty times a second."""
    end = time.monotonic() + limit_s
    told = hasattr(os, "pidfd_open")
    with _closing(os.pidfd_open(process.pid) if told else os.dup(listening)) as exiting:
        waiting = {listening, hearing, exiting} if told else {listening, hearing}
        while True:
            left = max(0.0, end - time.monotonic())
            ready, _, _ = select.select(waiting, [], [], left if told else min(left, POLL_S))
            now = time.monotonic()
            if listening in ready:
                marks = os.read(listening, MARKS + 1)
                stamps += [now] * len(marks)
                waiting -= set() if marks else {listening}  # closed: it will stay readable for ever
            if hearing in ready:
                some = os.read(hearing, READ_BYTES)
                words.hear(some)
                waiting -= set() if some else {hearing}
            if process.poll() is not None or now >= end:
                return process.poll() is not None


def _stamped(answer: Answer, stamps: list[float]) -> Answer:
    """The answer with what the parent's own clock says of its session."""
    if answer.session is None:
        return answer
    session: Session = answer.session
    clock = Clock(None, f"{len(stamps)} marks came from the session instead of {MARKS}", session.probes.clock.replaced)
    if len(stamps) == MARKS:
        clock = replace(clock, parent_s=stamps[1] - stamps[0], reason=None)
    return replace(answer, session=replace(session, probes=replace(session.probes, clock=clock)))


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


def _failed(session: int | None, kind: str, text: str, words: Words) -> Answer:
    last = words.last(LOG_TAIL)
    detail = f"{text}\n{last}" if last else text
    return Answer(failure=Failure(session, PROCESS, kind, None, detail))
