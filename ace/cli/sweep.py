"""A multirun declares its grid before its first cell runs, so that a missing cell can be seen.

Hydra calls `DeclareSweep` (conf/config.yaml); `ace.cli.launch` reads `current` to say how much is left and to close
the sweep. Jobs on other hosts see no `current`: they know their sweep by its name alone.
"""

import hashlib
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from ace.cli.remaining import Cost, ahead, cost
from ace.cli.spending import told
from ace.domain.record import CellRecord
from ace.errors import PlanError
from ace.tracking.store import open_store
from ace.tracking.writer import Tracker
from ace.wiring import experiment_name, resuming_of, settings_of
from ace.wiring.values import RUNNING

NAME = "ACE_SWEEP"  # the environment variable that carries the sweep's name to jobs in other processes


@dataclass(slots=True)
class Sweep:
    """The multirun of this process.

    `done`: what the cells measured so far took; `seconds`: the same by step. `refused`: jobs that could not be run at
    all; `reused`: (job, run) of those that had been measured before. `left_out`: how many were not to
    be measured; `measured`: how many were. `failed`: whether any job was refused or failed.
    """

    run_id: str
    tracker: Tracker
    planned: list[list[str]]
    done: list[Cost] = field(default_factory=list)
    seconds: list[Mapping[str, float]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    reused: list[tuple[str, str]] = field(default_factory=list)
    left_out: int = 0
    measured: int = 0
    failed: bool = False


current: Sweep | None = None


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
        """One name for all jobs of a multirun; other processes inherit it, and where they do not, share its folder."""
        return os.environ.get(NAME) or hashlib.sha256(f"{os.getcwd()}/{self.folder}".encode()).hexdigest()[:12]

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
        if resuming_of(config).dry_run:
            return
        settings = settings_of(config)
        tracker = Tracker(open_store(settings.tracking_uri, settings.root), experiment_name(config))
        planned = expand(list(config.hydra.overrides.task))
        if len({tuple(o for o in job if o.lstrip("+").startswith("experiment")) for job in planned}) > 1:
            raise PlanError("a sweep belongs to one experiment; launch one sweep for each")
        os.environ[NAME] = uuid.uuid4().hex[:12]
        run_id = tracker.declare_sweep(Place(config.hydra.sweep.dir, [], 0).sweep, [job_name(job) for job in planned])
        current = Sweep(run_id, tracker, planned)


def keep(place: Place | None, record: CellRecord, run_id: str, again: bool) -> None:
    """Note that a job's cell was measured before; of a second measurement that the first is noted is enough."""
    if current is None or place is None or again:
        return
    current.reused.append((place.job, run_id))
    current.done += _costs(place, record)


def note_measured(
    place: Place | None, record: CellRecord, seconds: Mapping[str, float], again: bool, paused: bool
) -> None:
    """Note what a cell took, `seconds` by step; the times of one that was `paused` say nothing of the cells to come."""
    if current is None or place is None:
        return
    current.done += [] if paused else _costs(place, record)
    current.seconds.append(seconds)
    current.measured += not again


def _costs(place: Place, record: CellRecord) -> list[Cost]:
    cell = ahead(place.overrides, record.plan.shape)
    spent = cell and cost(cell, record)
    return [spent] if spent else []


def note_failure(overrides: list[str], refused: bool) -> None:
    """Note that a job failed; one that was refused could not be run at all."""
    if current is not None:
        current.failed = True
        current.refused += [job_name(overrides)] if refused else []


def has_failed() -> bool:
    """Whether a job of this process's sweep has failed so far."""
    return current is not None and current.failed


def leave_out() -> None:
    """Note that a job is not measured by this sweep, which then does not reach its end."""
    if current is not None:
        current.left_out += 1


def lines() -> list[str]:
    """What stands under a sweep's last cell."""
    if current is None or len(current.planned) < 2:
        return []
    counts = {
        "measured": current.measured,
        "kept from before": len(current.reused),
        "left out": current.left_out,
        "refused": len(current.refused),
    }
    said = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    took = f"; {told(*current.seconds)}" if len(current.seconds) > 1 else ""  # of one, its own line says it
    return [f"the sweep of {len(current.planned)} cells: {said or 'none'}{took}"]


def close(status: str) -> None:
    """End the sweep of this process, if there is one. One that left cells out says so: it stopped before its end."""
    global current
    if current is not None:
        ended = "KILLED" if current.left_out and status == "FINISHED" else status
        current.tracker.end_sweep(current.run_id, ended, current.refused, current.reused)
        current = None
