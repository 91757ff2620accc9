"""The attempts that a store holds at one cell, found by its key: what a rerun of a command asks before it measures.

Only what the reader believes is handed on; a run that was deleted in the UI is not found, so its cell is measured again
and the deletion stays a finding of gate integrity.
"""

from mlflow.entities import ViewType

from ace.domain.plan import CellPlan
from ace.domain.stored import StoredCell
from ace.tracking import names
from ace.tracking.reader import read_cell
from ace.tracking.store import Store


def attempts_at(store: Store, experiment: str, cell_key: str) -> tuple[StoredCell, ...]:
    """Every attempt with this key, oldest first."""
    return _attempts(store, experiment, f"tags.`{names.CELL_KEY}` = '{cell_key}'")


def newest_of(store: Store, plan: CellPlan) -> StoredCell | None:
    """The last attempt at this very plan that finished, by whatever sources, weights and libraries."""
    same = f"tags.`{names.PLAN_DIGEST}` = '{plan.digest}' and status = 'FINISHED'"
    return next(iter(_attempts(store, plan.experiment, same, 1)), None)


def newest_finished(store: Store, experiment: str, most: int) -> tuple[StoredCell, ...]:
    """The last `most` attempts that finished, whatever they measured."""
    return _attempts(store, experiment, f"tags.`{names.KIND}` = '{names.CELL}' and status = 'FINISHED'", most)


def _attempts(store: Store, experiment: str, wanted: str, most: int | None = None) -> tuple[StoredCell, ...]:
    found = store.active_experiment(experiment)
    if found is None:
        return ()
    runs = list(store.runs(str(found.experiment_id), wanted, ViewType.ACTIVE_ONLY))
    return tuple(read_cell(store, found, run) for run in (runs if most is None else runs[-most:]))
