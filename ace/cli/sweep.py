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

from ace.cli.remaining import Cost
from ace.errors import PlanError
from ace.tracking.store import open_store
from ace.tracking.writer import Tracker
from ace.wiring import experiment_name, settings_of

NAME = "ACE_SWEEP"  # the environment variable that carries the sweep's name to jobs in other processes


@dataclass(slots=True)
class Sweep:
    """The multirun of this process.

    `done`: what the cells measured so far took; `seconds`: the same by step. `refused`: jobs that could not be run at
    all.
    """

    run_id: str
    tracker: Tracker
    planned: list[list[str]]
    done: list[Cost] = field(default_factory=list)
    seconds: list[Mapping[str, float]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


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
    """One job of a sweep, whatever the order of its overrides: `batch=1,seq_len=64`."""
    return ",".join(sorted(overrides))


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
        settings = settings_of(config)
        tracker = Tracker(open_store(settings.tracking_uri, settings.root), experiment_name(config))
        planned = expand(list(config.hydra.overrides.task))
        if len({tuple(o for o in job if o.lstrip("+").startswith("experiment")) for job in planned}) > 1:
            raise PlanError("a sweep belongs to one experiment; launch one sweep for each")
        os.environ[NAME] = uuid.uuid4().hex[:12]
        run_id = tracker.declare_sweep(Place(config.hydra.sweep.dir, [], 0).sweep, [job_name(job) for job in planned])
        current = Sweep(run_id, tracker, planned)


def close(status: str) -> None:
    """End the sweep of this process, if there is one."""
    global current
    if current is not None:
        current.tracker.end_sweep(current.run_id, status, current.refused)
        current = None
