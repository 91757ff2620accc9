"""Which process is writing a run, so that a later one can tell whether it still lives.

SIGKILL, a power cut or os._exit leave a run RUNNING for ever: MLflow notices none of them. `writer` tags every run
with a mark, `reconcile` compares the marks with what lives now. Numbers of processes mean something in their own pid
namespace only: of two containers with one name neither sees whether the other's process lives.
"""

import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from ace.tracking import names

# Start times are derived from the boot time, which moves a little when the clock is corrected.
START_TOLERANCE_S = 2.0


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process, told from a later one with the same pid. `started_at`: seconds since the epoch.

    `pid_namespace`: None where the system has none, and in marks of earlier versions.
    """

    host: str
    boot_id: str
    pid: int
    started_at: float
    pid_namespace: str | None = None

    def __post_init__(self) -> None:
        if self.pid < 1 or not math.isfinite(self.started_at):
            raise ValueError(f"no process has number {self.pid} and began at {self.started_at}")

    def tags(self) -> dict[str, str]:
        """As they stand on a run."""
        space = {} if self.pid_namespace is None else {names.PID_NAMESPACE: self.pid_namespace}
        return space | {
            names.HOST: self.host,
            names.BOOT: self.boot_id,
            names.PID: str(self.pid),
            names.PROCESS_STARTED: f"{self.started_at:.2f}",
        }


def this_process() -> ProcessMark:
    """The mark of the calling process."""
    return ProcessMark(platform.node(), _boot_id(), os.getpid(), psutil.Process().create_time(), _pid_namespace())


def mark_of(tags: Mapping[str, str]) -> ProcessMark | None:
    """The mark on a run, None where it has none or one that cannot be read."""
    try:
        pid, started_at = int(tags[names.PID]), float(tags[names.PROCESS_STARTED])
        return ProcessMark(tags[names.HOST], tags[names.BOOT], pid, started_at, tags.get(names.PID_NAMESPACE))
    except (KeyError, ValueError):
        return None


def gone_because(mark: ProcessMark, here: ProcessMark) -> str | None:
    """Why `mark` cannot be alive any more, None while it may be, and where nobody at `here`, a live process, can know:
    on another host, and in another pid namespace."""
    if mark.host != here.host or mark.pid_namespace not in (None, here.pid_namespace):
        return None
    if mark.boot_id != here.boot_id:
        return "the host was restarted since"
    try:
        process = psutil.Process(mark.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return f"process {mark.pid} has died"
        if abs(process.create_time() - mark.started_at) > START_TOLERANCE_S:
            return f"process {mark.pid} is gone; another one has its number"
    except psutil.NoSuchProcess:
        return f"process {mark.pid} is gone"
    return None


def _pid_namespace() -> str | None:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None  # systems without /proc or without namespaces


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"booted at {psutil.boot_time():.0f}"  # systems without /proc
