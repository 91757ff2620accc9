"""The whole registered way of an idea as stored evidence: development with its rivals, validation, registration, the
one look at the sealed documents. What is built here is honest; a lie is told on it, on chosen splits, and nowhere else.

`ace-freeze` would refuse most lies that development already shows. So that judgement alone is on trial, the
registration is that of the honest twin, forged to rest on the lying records.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ace.decide.freezing import freeze
from ace.domain.plan import DEVELOPMENT, EXACT, HOLDOUT, SPLITS, VALIDATION, CellPlan
from ace.domain.policy import Policy
from ace.domain.quality import Quality
from ace.domain.record import CellRecord, record_digest
from ace.domain.registration import HoldoutLook, Registration
from ace.domain.stored import Evidence, StoredCell
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r
from tests.unit.decide.rivals import with_rivals
from tests.unit.decide.table import GAIN

Change = Callable[[CellRecord], CellRecord]
Shapes = tuple[tuple[int, int], ...]
FULL, PRUNED = (64,) * 6, (64, 44, 44, 31, 31, 31)
OPENED_AT = r.FROZEN_AT + 2


def unchanged(record: CellRecord) -> CellRecord:
    return record


@dataclass(frozen=True)
class Idea:
    """What is claimed, and what an honest session of it shows. `gains`, `scores`: of its rivals by name."""

    target: str = "ace.executors.token_pruning.TokenPruning"
    parameters: tuple[tuple[str, object], ...] = (("keep_ratio", 0.7),)
    gain: float = GAIN
    difference: float = 0.0
    declared: tuple[int, ...] | None = PRUNED
    tokens: tuple[int, ...] = PRUNED
    full_share: float = 0.3
    gains: tuple[tuple[str, float], ...] = (("truncation", GAIN), ("random", GAIN), ("compiled", 0.02))
    scores: tuple[tuple[str, Quality], ...] = (
        ("truncation", b.scored(-0.05, changed=0.12)),
        ("random", b.scored(-0.12, changed=0.2)),
    )
    inputs: str = EXACT
    shows: Change = unchanged


PRUNING = Idea()


def measured(idea: Idea, plan: CellPlan, seed: int = 0, gain: float | None = None) -> CellRecord:
    """One cell as an honest measurement of the idea leaves it; rivals stand beside it on development."""
    made = b.honest(
        idea.gain if gain is None else gain,
        plan,
        seed=seed,
        difference=idea.difference,
        declared=idea.declared,
        tokens=idea.tokens,
        full_share=idea.full_share,
    )
    if plan.benchmark.split == DEVELOPMENT and idea.gains:
        made = with_rivals(made, dict(idea.gains), dict(idea.scores))
    return idea.shows(made)


def plan_of(idea: Idea, seq_len: int, batch: int, split: str, seed: int = 0) -> CellPlan:
    made = b.plan(seq_len, batch, split, idea.target, idea.parameters, seed=seed)
    return replace(made, benchmark=replace(made.benchmark, inputs=idea.inputs))


@dataclass(frozen=True)
class Way:
    """Everything from the first cell to the last; `evidence` hands it over as the store would."""

    explored: tuple[StoredCell, ...]
    registration: Registration
    look: HoldoutLook
    opened: tuple[StoredCell, ...]

    def evidence(self, *more: StoredCell, **changes: object) -> Evidence:
        cells = [*self.explored, *self.opened, *more]
        return r.evidence(cells, self.registration, (self.look,), **changes)


def explore(
    idea: Idea, shapes: Shapes = ((64, 1),), splits: Iterable[str] = (DEVELOPMENT, VALIDATION)
) -> list[StoredCell]:
    """Development and validation of each shape."""
    return [
        b.stored(measured(idea, plan_of(idea, *shape, split)), f"{split}-{shape[0]}x{shape[1]}")
        for shape in shapes
        for split in splits
    ]


def register(cells: Iterable[StoredCell], chosen: str = "auto", policy: Policy = r.POLICY) -> Registration:
    """What ace-freeze makes of honest cells."""
    given = list(cells)
    return freeze(b.evidence(*given), policy, chosen, r.sealed(given), r.CODE, r.FROZEN_AT).registration


def sealed_plan(idea: Idea, registration: Registration, look: HoldoutLook, seq_len: int, batch: int) -> CellPlan:
    return replace(
        plan_of(idea, seq_len, batch, HOLDOUT),
        benchmark=registration.holdout,
        registration=registration.digest,
        look=look.digest,
        seed=registration.holdout_seed,
    )


def open_holdout(
    idea: Idea, registration: Registration, look: HoldoutLook, lie: Change = unchanged, seed: int = 0
) -> tuple[StoredCell, ...]:
    """Every registered cell on the sealed documents."""
    cells = []
    for shape in registration.opened:
        plan = sealed_plan(idea, registration, look, shape.seq_len, shape.batch)
        record = lie(b.at(measured(idea, plan, seed), OPENED_AT))
        cells.append(b.stored(record, f"holdout-{shape}"))
    return tuple(cells)


def retold(cell: StoredCell, lie: Change) -> StoredCell:
    """The cell as if its record had always been the lying one: digests and snapshot are those of the lie."""
    assert cell.record is not None
    told = lie(cell.record)
    return b.stored(told, cell.run_id, cell.status, started_at=told.started_at, sweep=cell.sweep, job=cell.job)


def forged(registration: Registration, cells: Iterable[StoredCell]) -> Registration:
    """The registration as if it had been made of these cells."""
    digests = sorted(record_digest(cell.record) for cell in cells if cell.record is not None)
    return replace(registration, records=tuple(digests))


def walk(
    idea: Idea = PRUNING,
    lie: Change = unchanged,
    on: Iterable[str] = SPLITS,
    shapes: Shapes = ((64, 1),),
    chosen: str = "auto",
) -> Way:
    """The whole way, with the lie told in the records of the splits `on`."""
    on = tuple(on)
    honest = explore(idea, shapes)
    explored = [retold(cell, lie) if cell.plan.benchmark.split in on else cell for cell in honest]  # type: ignore[union-attr]
    made = forged(register(honest, chosen), explored)
    look = r.look_of(made)
    return Way(tuple(explored), made, look, open_holdout(idea, made, look, lie if HOLDOUT in on else unchanged))
