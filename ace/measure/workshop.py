"""Where the parent works on one attempt: folders, threads, and the documents laid out for the workers.

The attempt's folder keeps every finished session until the record is safely stored, so that a killed parent loses
nothing that was measured.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ace.benchmarks.documents import Documents
from ace.domain.plan import CellPlan
from ace.errors import DataError
from ace.measure.messages import Answer, Task, WorkOrder
from ace.measure.processes import run_worker


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

    def run(self, task: Task, plan: CellPlan, spawned_at: float, session: int = 0) -> Answer:
        """Start one worker and wait for it."""
        name = f"session-{session:02d}" if task is Task.SESSION else task.value
        order = WorkOrder(task, plan, str(self.attempt / "inputs"), session, self.threads, spawned_at)
        return run_worker(order, self.folder(name), plan.protocol.session_limit_s)

    def lay_out(self, documents: Documents) -> None:
        """Write the documents where every worker of this attempt reads them; their labels stay here."""
        folder = self.folder("inputs")
        np.save(folder / "ids.npy", documents.ids, allow_pickle=False)
        np.save(folder / "mask.npy", documents.mask, allow_pickle=False)


def make_folder(folder: Path, key: str) -> Path:
    """`folder`, made when it is not there.  Raises DataError that names the key to change."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be made ({error.strerror}); point {key} to a folder you can write."
        ) from error
    return folder
