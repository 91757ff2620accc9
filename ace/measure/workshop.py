"""Where the parent works on one attempt: folders, threads, and the documents laid out for the workers.

The attempt's folder keeps every finished session until the record is safely stored, so that a killed parent loses
nothing that was measured.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ace.domain.energy import SourceChoice
from ace.domain.plan import CellPlan
from ace.errors import DataError
from ace.measure.messages import CALIBRATION, HEARD, Answer, Task, WorkOrder, heard_before, write_json
from ace.measure.processes import run_worker

INPUTS = "inputs"


class Given(Protocol):
    """What a model is given of documents: ids, mask (n, seq) int64."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """Token ids."""

    @property
    def mask(self) -> NDArray[np.int64]:
        """1 where there is a token."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """`attempt`: folder of this attempt. `cache`: what is content-addressed and may be reused.

    `threads`: for untimed work. `launch`: names the launching process.
    """

    attempt: Path
    cache: Path
    threads: int
    launch: str

    def folder(self, name: str) -> Path:
        """A folder of this attempt, made when it is not there.  Raises DataError when it cannot be."""
        return make_folder(self.attempt / name, "tracking.root")

    def run(
        self,
        task: Task,
        plan: CellPlan,
        spawned_at: float,
        session: int = 0,
        *,
        inputs: str = INPUTS,
        alone: bool = False,
        sources: tuple[SourceChoice, ...] = (),
    ) -> Answer:
        """Start one worker and wait for it. `inputs`: the folder that documents were laid out in; see WorkOrder.

        A session that an interrupted attempt had finished is not measured again: its answer lies in the folder.
        """
        name = f"session-{session:02d}" if task is Task.SESSION else task.value
        places = str(self.attempt / inputs), str(self.cache)
        order = WorkOrder(task, plan, places[0], session, self.threads, spawned_at, places[1], alone, sources)
        folder = self.folder(name)
        if task is not Task.SESSION:
            return run_worker(order, folder, plan.protocol.session_limit_s)
        if (heard := heard_before(folder, order)) is not None:
            return heard
        answer = run_worker(order, folder, plan.protocol.session_limit_s)
        write_json(folder / HEARD, answer)
        return answer

    def lay_out(self, documents: Given, calibration: Given | None, inputs: str = INPUTS) -> None:
        """Write the documents where workers of this attempt read them; what they are scored against stays here."""
        folder = self.folder(inputs)
        np.save(folder / "ids.npy", documents.ids, allow_pickle=False)
        np.save(folder / "mask.npy", documents.mask, allow_pickle=False)
        if calibration is not None:
            np.savez(folder / CALIBRATION, allow_pickle=False, ids=calibration.ids, mask=calibration.mask)


def make_folder(folder: Path, key: str) -> Path:
    """`folder`, made when it is not there.  Raises DataError that names the key to change."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be made ({error.strerror}); point {key} to a folder you can write."
        ) from error
    return folder
