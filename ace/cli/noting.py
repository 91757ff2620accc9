"""What became of one job of a sweep, and how the launching process hears of it from another one.

Between `launch`, which runs a job wherever that is, and `sweep`, which says in the store what was kept and refused.
joblib, Slurm and Ray run jobs in processes that hand back no more than an exception, and a sweep that knew nothing of
them would close as one whose cells are gone. So each leaves a note in the sweep's folder, which is theirs together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ace.domain.decode import decode
from ace.domain.parsing import parse_json
from ace.errors import EvidenceError, StoreError
from ace.measure.messages import write_json

FAILED = "failed"  # in the name of a note, so that asking whether any job failed opens none


@dataclass(frozen=True, slots=True)
class Note:
    """One job that came to its end. `kept`: the run that had measured its cell before; `failed`: why it did.

    `refused`: it failed because it could not be run at all; `seconds`: what its steps took.
    """

    job: str
    measured: bool = False
    kept: str | None = None
    left_out: bool = False
    refused: bool = False
    failed: str | None = None
    seconds: tuple[tuple[str, float], ...] = ()


def folder_of(launched: str, sweep: str) -> Path:
    """Where the jobs of one sweep leave their notes.  `launched`: Hydra's folder, which may serve another one later."""
    return Path(launched) / ".jobs" / sweep


def leave(folder: Path, number: int, note: Note) -> None:
    """Put the note of job `number` where the launching process finds it, in place of one that it left before."""
    names = [f"{number}.json", f"{number}.{FAILED}.json"]
    name = names.pop(note.failed is not None)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / name, note)
        (folder / names[0]).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"what became of {note.job} cannot be noted in {folder}: {error}") from error


def left(folder: Path) -> Iterator[Note]:
    """The notes of jobs that other processes ran. One that cannot be read is as good as none."""
    for file in sorted(folder.glob("*.json")):
        try:
            yield decode(Note, parse_json(file.read_bytes()))
        except (OSError, EvidenceError):
            continue


def any_failed(folder: Path) -> bool:
    """Whether a job that another process ran has failed so far."""
    return any(folder.glob(f"*.{FAILED}.json"))
