"""Who else works beside the arms: threads of this process and its children, and the CPU time that children spend.

Asked by `session` before and after the timed rounds and by `probing` around windows in which nothing should run. A
child whose parent ended would leave this process's family; `adopt_orphans` keeps it in (Linux). The parent of the
workers uses the same to end whatever a worker left behind.
"""

import contextlib
import ctypes
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
GONE_S = 5.0  # a killed process ends in milliseconds; one in the kernel's hands is not waited for


def adopt_orphans(adopt: bool = True) -> None:
    """Ask the kernel to make this process the parent of descendants that lost theirs."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopt))


@contextlib.contextmanager
def ending_strays() -> Iterator[None]:
    """Kill the children that this process has at the end and did not have before: those of a worker that ended first.
    A process with a session of its own is in no group that could be killed with the worker (Linux)."""
    this = psutil.Process()
    before = this.children()
    adopt_orphans()
    try:
        yield
    finally:
        while strays := [child for child in this.children() if child not in before]:
            for stray in strays:
                with contextlib.suppress(psutil.Error):
                    stray.kill()  # its own children become this process's, and are found in the next turn
            _, alive = psutil.wait_procs(strays, GONE_S)
            if alive:
                break
        adopt_orphans(False)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """`children`: with the CPU seconds that each had spent. `ended_s`: those of all children that have ended."""

    threads: int
    children: tuple[tuple[psutil.Process, float], ...]
    ended_s: float

    @property
    def names(self) -> tuple[str, ...]:
        """Of the children, sorted."""
        return tuple(sorted(_name(child) for child, _ in self.children))


def look_around() -> Seen:
    """The threads and children of this process now."""
    process = psutil.Process()
    children = process.children(recursive=True)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Seen(
        process.num_threads(), tuple((child, cpu_s(child)) for child in children), ended.ru_utime + ended.ru_stime
    )


def children_s(before: Seen, after: Seen) -> float:
    """CPU seconds that children spent between two looks, those that ended meanwhile included."""
    known = {child.pid: spent for child, spent in before.children}
    still = {child.pid for child, _ in after.children}
    alive = sum(max(0.0, spent - known.get(child.pid, 0.0)) for child, spent in after.children)
    gone = sum(spent for pid, spent in known.items() if pid not in still)
    return alive + max(0.0, after.ended_s - before.ended_s - gone)


def spent_s(children: Sequence[psutil.Process]) -> float:
    """CPU seconds of these children so far."""
    return sum(cpu_s(child) for child in children)


def cpu_s(child: psutil.Process) -> float:
    """CPU seconds of one process, and of its own children that ended; 0 when it is gone."""
    try:
        times = child.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _name(child: psutil.Process) -> str:
    try:
        return str(child.name())
    except psutil.Error:
        return "ended"
