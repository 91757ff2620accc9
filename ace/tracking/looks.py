"""Looks at a holdout that runs of the store name and the ledger does not hold.

Used by `reader`. A store may be shared and a ledger may be lost; neither gives anybody a fresh budget.
"""

from collections.abc import Collection

from mlflow.entities import Experiment, Run

from ace.domain.parsing import parse_json
from ace.domain.registration import UnlistedLook, idea_of
from ace.errors import StoreError
from ace.tracking import names
from ace.tracking.artifacts import RunFiles
from ace.tracking.decoding import read_plan
from ace.tracking.store import Store


def unlisted_looks(store: Store, listed: Collection[str]) -> tuple[UnlistedLook, ...]:
    """One a look, of the runs of any experiment, deleted ones too."""
    found: dict[str, UnlistedLook] = {}
    experiments = {str(experiment.experiment_id): experiment for experiment in store.all_experiments()}
    for run in store.runs_of(list(experiments), f"tags.`{names.LOOK}` LIKE '%'"):
        look = run.data.tags[names.LOOK]
        if look not in listed and look not in found:
            found[look] = _unlisted(store, run, experiments[str(run.info.experiment_id)], look)
    return tuple(found[look] for look in sorted(found))


def _unlisted(store: Store, run: Run, experiment: Experiment, look: str) -> UnlistedLook:
    registration = run.data.tags.get(names.REGISTERED, look)
    place = (str(experiment.name), str(run.info.run_id))
    try:
        files = RunFiles(store, run, str(experiment.artifact_location))
        plan = read_plan(files.read(names.PLAN_FILE), run)
        weights = dict(parse_json(run.data.tags[names.WEIGHTS])).values()
    except (StoreError, KeyError, ValueError, TypeError):
        return UnlistedLook(look, registration, *place, None, None)
    idea = idea_of(plan.executor, map(str, weights), plan.benchmark.inputs)
    return UnlistedLook(look, registration, *place, idea, plan.benchmark.target)
