"""`dry_run=true`: what a command would measure, what it would keep, and how long it would take. Nothing is written.

Instead of measuring, asked by `launch` cell by cell; the sum stands under the last one. Times come from cells that the
store already holds of the same experiment, and without one there is no estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ace.cli import remaining
from ace.cli.progress import duration
from ace.cli.resuming import LeftOut, pass_over
from ace.domain.plan import HOLDOUT, CellPlan
from ace.domain.record import CellRecord, CodeState, Digests
from ace.domain.stored import StoredCell
from ace.errors import StoreError
from ace.holdout import AlreadyMeasured
from ace.measure.code_state import ACE, code_state
from ace.models.loading import model_digests
from ace.tracking.attempts import attempts_at, newest_finished
from ace.tracking.store import Store, open_existing_store
from ace.wiring import Resuming, Settings

MOST_EARLIER = 30
"""Cells whose times an estimate rests on, and that are asked why one is measured anew: the newest."""


@dataclass(slots=True)
class Outlook:
    """Of a command: cells that it would measure and keep, the records of earlier ones, and what those took."""

    ahead: list[remaining.Ahead] = field(default_factory=list)
    kept: int = 0
    earlier: list[CellRecord] = field(default_factory=list)
    done: list[remaining.Cost] | None = None

    def lines(self) -> list[str]:
        """The sum."""
        cells = f"{len(self.ahead)} of {len(self.ahead) + self.kept} cells would be measured"
        if not self.ahead:
            return [cells]
        taken = remaining.expected_s(self.ahead, self.done or [])
        if taken is None:
            return [f"{cells}; how long it takes nobody knows before a first cell of this experiment was measured"]
        return [f"{cells}, in about {duration(taken)} by the times of {len(self.done or [])} earlier cell(s)"]


def foresee(
    plan: CellPlan, job: Sequence[str], key: str, resuming: Resuming, settings: Settings, outlook: Outlook
) -> str:
    """What would become of one cell.  `key`: its cell key; `outlook` is added to."""
    protocol = plan.protocol
    label = f"{plan.shape} {plan.benchmark.split} {plan.executor.short_name} on {plan.model.name}"
    asked = f"{label}: {protocol.sessions} sessions of {protocol.rounds} rounds, seed {plan.seed}"
    store = _existing(settings)
    if outlook.done is None:
        newest = () if store is None else newest_finished(store, plan.experiment, MOST_EARLIER)
        outlook.earlier = [cell.record for cell in newest if cell.record is not None]
        outlook.done = _costs(outlook.earlier)
    why = ""
    if plan.benchmark.split != HOLDOUT and store is not None:
        attempts = attempts_at(store, plan.experiment, key)
        try:
            pass_over(resuming, attempts)
        except (AlreadyMeasured, LeftOut) as kept:
            outlook.kept += 1
            return f"keep     {label}: {kept}"
        why = _why_anew(plan, attempts, outlook.earlier) if resuming.resume else ""
    cell = remaining.ahead(job, plan.shape)
    outlook.ahead += [cell] if cell else []
    sealed = "; its registration decides, and a dry run does not ask" if plan.benchmark.split == HOLDOUT else ""
    return f"measure  {asked}{sealed}{why}"


def _why_anew(plan: CellPlan, attempts: Sequence[StoredCell], earlier: Sequence[CellRecord]) -> str:
    """Why a cell that was attempted or measured is not there all the same; nothing of one that is new, or older than
    all of `earlier`.  `attempts`: at this very cell, none of them complete."""
    if attempts:
        return f"; attempted before {len(attempts)} time(s), and never completely"
    same = next((record for record in reversed(earlier) if record.plan.digest == plan.digest), None)
    if same is None:
        return ""
    changed = changed_since(same, code_state(plan.executor, Path.cwd()), model_digests(plan.model))
    return f"; measured before, by other {' and '.join(changed)} than now"


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


def _existing(settings: Settings) -> Store | None:
    try:
        return open_existing_store(settings.tracking_uri, settings.root)
    except StoreError:  # nothing was measured yet, or nothing can be known of it: the command itself will say which
        return None


def _costs(records: Sequence[CellRecord]) -> list[remaining.Cost]:
    found = []
    for record in records:
        place = remaining.ahead((), record.plan.shape)
        found += [cost for cost in [place and remaining.cost(place, record)] if cost]
    return found
