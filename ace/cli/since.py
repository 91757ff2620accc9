"""Why a cell that was attempted before is measured all the same: what changed since, by name.

Between the plan and the measurement, asked by `measuring` of a cell that a rerun does not pass over, and by `planning`
of one that it would not. Nobody who repeats a command should have to guess why it does not keep what is there.
`resuming` asks the same of what it keeps: the key under which a run is found is a tag, and a tag can be edited.
"""

from collections.abc import Sequence

from ace.cell import Attempt
from ace.domain.record import CellRecord
from ace.domain.stored import StoredCell
from ace.executors.loading import ACE
from ace.tracking.attempts import newest_of
from ace.tracking.store import Store


def why_anew(store: Store, attempts: Sequence[StoredCell], now: Attempt) -> str | None:
    """Why the cell with these attempts is not there; None of one that is new.  Asked where none of them is complete."""
    altered = [
        f"run {cell.run_id} has the key of this cell and a record of other {' and '.join(other)}: its tags were edited"
        for cell in attempts
        if cell.record is not None and (other := unlike(cell.record, now))
    ]
    if attempts and len(altered) == len(attempts):
        return altered[-1]
    if attempts:
        return f"attempted before {len(attempts) - len(altered)} time(s), and never completely"
    same = newest_of(store, now.plan)
    if same is None or same.record is None:
        return None
    changed = changed_since(same.record, now)
    return f"measured before, by other {' and '.join(changed)} than now"


def unlike(record: CellRecord, now: Attempt) -> list[str]:
    """What `record` was made of that is not what would be measured now; empty where all that it holds is the same."""
    code, package = now.code, now.plan.executor.target.partition(".")[0]
    compared = (
        ("plan", record.plan.digest, now.plan.digest),
        ("sources of ACE", record.code.package_digest, code.package_digest),
        (f"sources of {'ACE' if package == ACE else package}", record.code.executor_digest, code.executor_digest),
        ("weights", sorted(record.weights), sorted(now.weights)),
    )
    return list(dict.fromkeys(name for name, was, now in compared if was != now))


def changed_since(record: CellRecord, now: Attempt) -> list[str]:
    """What is not now as it was when `record` was made, of what makes it another measurement.

    A record does not hold all that a cell's key does: where nothing that it holds has changed, the others are named.
    """
    rest = ["libraries, Python, environment variables or sources of its model, documents or rivals"]
    return unlike(record, now) or rest
