"""`dry_run=true`: what a command would measure, what it would keep, and how long it would take. Nothing is written.

Instead of measuring, asked by `launch` cell by cell; the sum stands under the last one. Times come from cells that the
store already holds of the same experiment, and without one there is no estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ace.cell import Attempt
from ace.cli import remaining
from ace.cli.progress import duration
from ace.cli.resuming import LeftOut, pass_over
from ace.cli.since import why_anew
from ace.domain.plan import HOLDOUT
from ace.domain.record import CellRecord
from ace.errors import StoreError
from ace.holdout import AlreadyMeasured
from ace.tracking.attempts import attempts_at, newest_finished
from ace.tracking.store import Store, open_existing_store
from ace.wiring import Resuming, Settings

MOST_EARLIER = 30
"""Cells whose times an estimate rests on: the newest."""


@dataclass(slots=True)
class Outlook:
    """Of a command: cells that it would measure and keep, and what earlier ones took."""

    ahead: list[remaining.Ahead] = field(default_factory=list)
    kept: int = 0
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


def foresee(attempt: Attempt, job: Sequence[str], resuming: Resuming, settings: Settings, outlook: Outlook) -> str:
    """What would become of one cell.  `outlook` is added to."""
    plan, protocol = attempt.plan, attempt.plan.protocol
    label = f"{plan.shape} {plan.benchmark.split} {plan.executor.short_name} on {plan.model.name}"
    asked = f"{label}: {protocol.sessions} sessions of {protocol.rounds} rounds, seed {plan.seed}"
    store = _existing(settings)
    if outlook.done is None:
        newest = () if store is None else newest_finished(store, plan.experiment, MOST_EARLIER)
        outlook.done = _costs([cell.record for cell in newest if cell.record is not None])
    why = None
    if plan.benchmark.split != HOLDOUT and store is not None:
        found = attempts_at(store, plan.experiment, attempt.cell_key)
        try:
            pass_over(resuming, found, attempt)
        except (AlreadyMeasured, LeftOut) as kept:
            outlook.kept += 1
            return f"keep     {label}: {kept}"
        why = why_anew(store, found, attempt) if resuming.resume else None
    cell = remaining.ahead(job, plan.shape)
    outlook.ahead += [cell] if cell else []
    sealed = "; its registration decides, and a dry run does not ask" if plan.benchmark.split == HOLDOUT else ""
    return f"measure  {asked}{sealed}{f'; {why}' if why else ''}"


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
