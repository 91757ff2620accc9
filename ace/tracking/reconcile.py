"""Closing the runs of processes that died without a word.

Run before a sweep and before a decision. Nothing is deleted: an attempt that died is an attempt, and is counted. Runs
of other hosts and of other containers are left alone, since from here nobody can tell whether they live.
"""

from dataclasses import dataclass

from mlflow.entities import ViewType

from ace.tracking import names
from ace.tracking.process import ProcessMark, gone_because, mark_of
from ace.tracking.store import Store, store_errors


@dataclass(frozen=True, slots=True)
class Closed:
    """A run that was RUNNING and is KILLED now."""

    run_id: str
    because: str


def reconcile(store: Store, experiment: str, here: ProcessMark) -> tuple[Closed, ...]:
    """Close every RUNNING run that a process of this host left behind.  `here`: the calling process."""
    experiment_id = store.experiment_id(experiment, create=False)
    running = store.runs(experiment_id, "attributes.status = 'RUNNING'", ViewType.ACTIVE_ONLY)
    closed = []
    for run in list(running):  # closing while paging would shift the pages
        mark = mark_of(run.data.tags)
        because = gone_because(mark, here) if mark else None
        if because is None:
            continue
        with store_errors(f"cannot close run {run.info.run_id}"):
            store.client.set_tag(run.info.run_id, names.KILLED_BECAUSE, because)
            store.client.set_terminated(run.info.run_id, "KILLED")
        closed.append(Closed(str(run.info.run_id), because))
    return tuple(closed)
