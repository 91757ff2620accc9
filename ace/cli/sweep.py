"""A multirun declares its grid before its first cell runs, so that a missing cell can be seen.

Hydra calls `DeclareSweep` (conf/config.yaml); `ace.cli.launch` reads `current` to say how much is left and to close
the sweep. Jobs in other processes see no `current`: they know their sweep by its name, and it hears of them by their
notes (`noting`).
"""

import os
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from ace.cli import noting
from ace.cli.noting import Note
from ace.cli.remaining import Cost, ahead, cost
from ace.cli.spending import told
from ace.domain.record import CellRecord
from ace.errors import PlanError
from ace.tracking.store import open_store
from ace.tracking.writer import Tracker
from ace.wiring import compose_once, experiment_name, resuming_of, settings_of
from ace.wiring.values import RUNNING

NAME = "ACE_SWEEP"  # the environment variable that carries the sweep's name to jobs in other processes


@dataclass(slots=True)
class Sweep:
    """The multirun of this process.

    `folder`: of the notes of other processes; `done`: what the cells measured so far took; `notes`: what became of the
    jobs that ended, `elsewhere` of those alone that ended in other processes.
    """

    run_id: str
    tracker: Tracker
    planned: list[list[str]]
    folder: Path
    done: list[Cost] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    elsewhere: list[Note] = field(default_factory=list)


current: Sweep | None = None
noted = Note("")  # of the job that this process runs now


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job stands: `folder` is Hydra's sweep folder, resolved once and handed to every job of a multirun.

    `number` counts the jobs from 0.
    """

    folder: str
    overrides: list[str]
    number: int

    @property
    def sweep(self) -> str:
        """One name for all jobs of a multirun, which other processes inherit; of a job that is `declared`."""
        return os.environ[NAME]

    @property
    def notes(self) -> Path:
        """The folder in which jobs in other processes say what became of them."""
        return noting.folder_of(self.folder, self.sweep)

    @property
    def job(self) -> str:
        """One job of a sweep."""
        return job_name(self.overrides)


def job_name(overrides: list[str]) -> str:
    """One job of a sweep, whatever the order of its overrides: `batch=1,seq_len=64`.

    How the command is carried out (resume, rerun) is no part of what is measured.
    """
    return ",".join(sorted(o for o in overrides if o.lstrip("+").partition("=")[0] not in RUNNING))


def expand(overrides: list[str]) -> list[list[str]]:
    """The jobs that Hydra's basic sweeper makes of these overrides."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    jobs: list[list[str]] = [list(job) for batch in BasicSweeper.split_arguments(parsed, None) for job in batch]
    return jobs


class DeclareSweep(Callback):
    """Hydra's hook: the grid goes into the store before the first job."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Initialise the store (parallel first starts would race) and record what is planned."""
        global current
        name = uuid.uuid4().hex[:12]
        compose_once(name)
        if resuming_of(config).dry_run:
            return
        settings = settings_of(config)
        tracker = Tracker(open_store(settings.tracking_uri, settings.root), experiment_name(config))
        planned = expand(list(config.hydra.overrides.task))
        if len({tuple(o for o in job if o.lstrip("+").startswith("experiment")) for job in planned}) > 1:
            raise PlanError("a sweep belongs to one experiment; launch one sweep for each")
        run_id = tracker.declare_sweep(name, [job_name(job) for job in planned])
        os.environ[NAME] = name  # only now: jobs in other processes take it for a sweep that is declared
        current = Sweep(run_id, tracker, planned, noting.folder_of(config.hydra.sweep.dir, name))


def declared(place: Place | None) -> bool:
    """Whether a job belongs to a sweep that is told what becomes of it."""
    return place is not None and NAME in os.environ


@contextmanager
def job_at(place: Place | None) -> Iterator[None]:
    """A job while it runs: what is noted of it reaches its sweep once it has ended, in whatever process it ran."""
    global noted
    noted = Note(place.job if place else "")
    try:
        yield
    except Exception as error:  # an interrupted job has not come to its end, and nothing is noted of it
        noted = replace(noted, failed=noted.failed or type(error).__name__)
        _pass_on(place)
        raise
    _pass_on(place)


def _pass_on(place: Place | None) -> None:
    if place is None or not declared(place):
        return
    if current is not None:
        current.notes.append(noted)
    else:
        noting.leave(place.notes, place.number, noted)


def keep(place: Place | None, record: CellRecord, run_id: str, again: bool) -> None:
    """Note that a job's cell was measured before; of a second measurement that the first is noted is enough."""
    global noted
    if again:
        return
    noted = replace(noted, kept=run_id)
    if current is not None and place is not None:
        current.done += _costs(place, record)


def note_measured(place: Place | None, record: CellRecord, seconds: Mapping[str, float], paused: bool) -> None:
    """Note what a cell took, `seconds` by step; the times of one that was `paused` say nothing of the cells to come."""
    global noted
    noted = replace(noted, measured=True, seconds=noted.seconds + tuple(seconds.items()))
    if current is not None and place is not None and not paused:
        current.done += _costs(place, record)


def _costs(place: Place, record: CellRecord) -> list[Cost]:
    cell = ahead(place.overrides, record.plan.shape)
    spent = cell and cost(cell, record)
    return [spent] if spent else []


def note_failure(said: str, refused: bool) -> None:
    """Note that the job failed, and why; one that was refused could not be run at all."""
    global noted
    noted = replace(noted, failed=said, refused=refused)


def leave_out() -> None:
    """Note that the job is not measured by this sweep, which then does not reach its end."""
    global noted
    noted = replace(noted, left_out=True)


def has_failed(place: Place | None = None) -> bool:
    """Whether a job of this sweep has failed so far; of a sweep in another process, one of those that share `place`."""
    if current is not None:
        return any(note.failed is not None for note in current.notes)
    return place is not None and declared(place) and noting.any_failed(place.notes)


def gather() -> None:
    """Hear from the jobs that other processes ran, before `has_failed` and `lines` are asked for the last time."""
    if current is not None:
        current.elsewhere = list(noting.left(current.folder))
        current.notes += current.elsewhere


def lines() -> list[str]:
    """What stands under a sweep's last cell: why jobs failed that spoke elsewhere, and what became of all."""
    if current is None or len(current.planned) < 2:
        return []
    failed = [f"refused or failed ({note.job}): {note.failed}" for note in current.elsewhere if note.failed is not None]
    counts = Counter(_became(note) for note in current.notes)
    counts["not reached"] = len(current.planned) - len(current.notes)
    said = ", ".join(f"{counts[what]} {what}" for what in BECAME if counts[what])
    spent = [dict([step]) for note in current.notes for step in note.seconds]
    took = f"; {told(*spent)}" if counts["measured"] > 1 else ""  # of one, its own line says it
    return [*failed, f"the sweep of {len(current.planned)} cells: {said}{took}"]


BECAME = ("measured", "kept from before", "left out", "refused", "failed", "not reached")


def _became(note: Note) -> str:
    if note.failed is not None:
        return "refused" if note.refused else "failed"
    if note.left_out:
        return "left out"
    return "measured" if note.measured else "kept from before"


def close(status: str) -> None:
    """End the sweep of this process, if there is one. One that did not come to all of its cells stopped before its
    end, whatever else happened."""
    global current
    if current is not None:
        notes = current.notes
        whole = len(notes) >= len(current.planned) and not any(note.left_out for note in notes)
        reused = [(note.job, note.kept) for note in notes if note.kept is not None]
        refused = [note.job for note in notes if note.refused]
        current.tracker.end_sweep(current.run_id, status if whole else "KILLED", refused, reused)
        current = None
