"""One cell at a time on a device: a lock of the host, whatever launched the cell and wherever its store is.

Held by `ace.cli.measuring` from the first document read to the record stored: on a processor even reading documents in
one process would disturb what another times. The kernel gives it back when its holder dies, however it dies, and no
session outlives its parent. Containers that share no folder do not see each other's.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ace.errors import MeasurementError

POLL_S = 1.0  # a look costs some 20 microseconds of a processor that may be timing
ANYBODY = 0o666  # whoever measures on this host


@dataclass(frozen=True, slots=True)
class Holder:
    """Who measures, for people: the lock itself is the kernel's."""

    pid: int
    what: str
    since: float

    def __str__(self) -> str:
        return f"process {self.pid} ({self.what}, since {time.strftime('%H:%M:%S', time.localtime(self.since))})"


@contextmanager
def device_alone(
    device: str, what: str, limit_s: float, waiting: Callable[[str], None], folder: Path
) -> Iterator[float]:
    """Have `device` to oneself to measure `what`; gives the seconds waited.

    `waiting` is told once who is in the way.  Raises MeasurementError after `limit_s`, and where no lock can be made.
    """
    path = folder / f"ace-device-{device.replace(':', '-')}.lock"
    try:
        descriptor = _opened(path)
    except OSError as error:
        raise MeasurementError(
            f"the lock {path} of device {device} cannot be opened ({error.strerror}), and without it two processes "
            "could measure at once; make it readable and writable for everybody who measures here"
        ) from error
    began = time.monotonic()
    try:
        told = False
        while not _taken(descriptor):
            holder = _holder(path)
            if time.monotonic() - began >= limit_s:
                raise MeasurementError(
                    f"device {device} was not free within device_wait_s={limit_s:g}: {holder or 'another process'} "
                    "measures on it; wait for it or end it, or raise device_wait_s"
                )
            if not told:
                waiting(f"waiting for device {device}: {holder or 'another process'} measures on it")
                told = True
            time.sleep(min(POLL_S, limit_s))
        _write(descriptor, json.dumps(asdict(Holder(os.getpid(), what, time.time()))))
        yield time.monotonic() - began
        _write(descriptor, "")
    finally:
        os.close(descriptor)  # and with it the lock


def _opened(path: Path) -> int:
    """Without O_CREAT where it exists: in a sticky folder Linux refuses that for a file of another user."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, ANYBODY)
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, ANYBODY)  # whatever the umask says
        return descriptor


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _holder(path: Path) -> Holder | None:
    """None for a moment after it was taken, and for words that are not ours."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Holder(int(said["pid"]), str(said["what"])[:200], float(said["since"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
