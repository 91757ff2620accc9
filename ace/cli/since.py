"""Why a cell that was attempted before is measured all the same: what changed since, by name.

Between the plan and the measurement, asked by `measuring` of a cell that a rerun does not pass over, and by `planning`
of one that it would not. Nobody who repeats a command should have to guess why it does not keep what is there.
"""

from pathlib import Path

from ace.domain.plan import CellPlan
from ace.domain.record import CellRecord, CodeState, Digests
from ace.measure.code_state import ACE, code_state
from ace.models.loading import model_digests
from ace.tracking.attempts import attempts_at, newest_of
from ace.tracking.store import Store


def why_anew(store: Store, plan: CellPlan, cell_key: str) -> str | None:
    """Why the cell with this key is not there; None of one that is new.  Asked where no complete one was found."""
    attempts = attempts_at(store, plan.experiment, cell_key)
    if attempts:
        return f"attempted before {len(attempts)} time(s), and never completely"
    same = newest_of(store, plan)
    if same is None or same.record is None:
        return None
    changed = changed_since(same.record, code_state(plan.executor, Path.cwd()), model_digests(plan.model))
    return f"measured before, by other {' and '.join(changed)} than now"


def changed_since(record: CellRecord, code: CodeState, weights: Digests) -> list[str]:
    """What is not now as it was when `record` was made of the same plan, of what makes it another measurement.

    A record does not hold all that a cell's key does: where nothing that it holds has changed, the others are named.
    """
    package = record.plan.executor.target.partition(".")[0]
    own = "" if package == ACE else f"sources of {package}"
    compared = (
        ("sources of ACE", record.code.package_digest, code.package_digest),
        (own, record.code.executor_digest, code.executor_digest),
        ("weights", sorted(record.weights), sorted(weights)),
    )
    changed = [name for name, was, now in compared if name and was != now]
    return changed or ["libraries, Python or sources of its model, documents or rivals"]
