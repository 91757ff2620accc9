"""Why a cell that was attempted before is measured all the same: what changed since, by name.

Between the plan and the measurement, asked by `measuring` of a cell that a rerun does not pass over, and by `planning`
of one that it would not. Nobody who repeats a command should have to guess why it does not keep what is there.
`resuming` asks the same of what it keeps: the key under which a run is found is a tag, and a tag can be edited.
"""

from ace.domain.plan import CellPlan
from ace.domain.record import CellRecord, CodeState, Digests
from ace.executors.loading import ACE
from ace.tracking.attempts import attempts_at, newest_of
from ace.tracking.store import Store


def why_anew(store: Store, plan: CellPlan, cell_key: str, code: CodeState, weights: Digests) -> str | None:
    """Why the cell with this key is not there; None of one that is new.  Asked where no complete one was found.

    code, weights: as they are now.
    """
    attempts = attempts_at(store, plan.experiment, cell_key)
    altered = [
        f"run {cell.run_id} has the key of this cell and a record of other {' and '.join(other)}: its tags were edited"
        for cell in attempts
        if cell.record is not None and (other := unlike(cell.record, plan, code, weights))
    ]
    if attempts and len(altered) == len(attempts):
        return altered[-1]
    if attempts:
        return f"attempted before {len(attempts) - len(altered)} time(s), and never completely"
    same = newest_of(store, plan)
    if same is None or same.record is None:
        return None
    changed = changed_since(same.record, plan, code, weights)
    return f"measured before, by other {' and '.join(changed)} than now"


def unlike(record: CellRecord, plan: CellPlan, code: CodeState, weights: Digests) -> list[str]:
    """What `record` was made of that is not what would be measured now; empty where all that it holds is the same."""
    package = plan.executor.target.partition(".")[0]
    compared = (
        ("plan", record.plan.digest, plan.digest),
        ("sources of ACE", record.code.package_digest, code.package_digest),
        (f"sources of {'ACE' if package == ACE else package}", record.code.executor_digest, code.executor_digest),
        ("weights", sorted(record.weights), sorted(weights)),
    )
    return list(dict.fromkeys(name for name, was, now in compared if was != now))


def changed_since(record: CellRecord, plan: CellPlan, code: CodeState, weights: Digests) -> list[str]:
    """What is not now as it was when `record` was made, of what makes it another measurement.

    A record does not hold all that a cell's key does: where nothing that it holds has changed, the others are named.
    """
    rest = ["libraries, Python, environment variables or sources of its model, documents or rivals"]
    return unlike(record, plan, code, weights) or rest
