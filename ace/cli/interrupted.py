"""An attempt that was interrupted (Ctrl-C, SIGTERM, SIGKILL, a crash) is gone on with, session by session.

Between preflight and measurement, asked by `measuring`. While a cell is measured its folder says which cell it is and
which process measures it; every session that the parent heard the end of lies there whole, a failed one too: ending a
sweep may not be a way to be rid of a session. When the same command is given again on the same host, in the same
container, since the same boot, the new attempt takes those sessions over, and its run began when the first did.

A sealed cell too, since the key holds its look, its registration and its seed: it goes on, and is not drawn anew, where
it was interrupted. Who removes a session from the folder in between leaves no trace of it but the interrupted run and
its opening in the ledger, of which a cell may have three: local evidence is tamper-evident, not tamper-proof.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ace.domain.decode import decode
from ace.domain.parsing import parse_json
from ace.errors import EvidenceError
from ace.measure.messages import HEARD, write_json
from ace.tracking.process import ProcessMark, gone_because

BEGUN = "attempt.json"
TAKEN = "taken_over.json"  # the same of the attempt that this one goes on from


@dataclass(frozen=True, slots=True)
class Begun:
    """What an attempt's folder says of it. `started_at`: seconds since the epoch, of the first of its attempts."""

    cell_key: str
    started_at: float
    by: ProcessMark


@dataclass(frozen=True, slots=True)
class TakenOver:
    """When the interrupted attempt had begun, and how many sessions of it are kept."""

    started_at: float
    sessions: int


def begin(folder: Path, cell_key: str, started_at: float, here: ProcessMark) -> None:
    """Write into an attempt's folder whose it is."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / BEGUN, Begun(cell_key, started_at, here))


def take_over(work: Path, folder: Path, cell_key: str, here: ProcessMark) -> TakenOver | None:
    """Move the sessions of the newest dead attempt at this cell from below `work` into `folder`, and remove the rest.

    None where there is none. Of two processes that ask at once, one gets them: the file that names the attempt moves
    first, and can move only once.
    """
    for earlier in sorted(work.glob(f"*/{BEGUN}"), key=lambda file: file.parent.name, reverse=True):
        found = _read(earlier)
        if found is None or found.cell_key != cell_key or not _ended_here(found.by, here):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        try:
            earlier.rename(folder / TAKEN)
        except FileNotFoundError:
            continue
        kept = sorted(file.parent for file in earlier.parent.glob(f"session-*/{HEARD}"))
        for session in kept:
            session.rename(folder / session.name)
        shutil.rmtree(earlier.parent, ignore_errors=True)
        if kept:
            return TakenOver(found.started_at, len(kept))
    return None


def _read(file: Path) -> Begun | None:
    try:
        return decode(Begun, parse_json(file.read_bytes()))
    except (OSError, EvidenceError):
        return None  # of a version that wrote it otherwise, or being moved by another process


def _ended_here(mark: ProcessMark, here: ProcessMark) -> bool:
    """Whether that process is gone, and what it measured was measured under this very system."""
    return mark.boot_id == here.boot_id and gone_because(mark, here) is not None
