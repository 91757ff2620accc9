"""A claim on its whole way: development, validation, registration, holdout; every part replaceable."""

from collections.abc import Callable
from dataclasses import replace

from ace.decide import judge
from ace.decide.freezing import Sealed, freeze
from ace.domain.decision import Decision
from ace.domain.plan import BenchmarkSpec, CellPlan
from ace.domain.policy import Policy
from ace.domain.record import CellRecord, CodeState
from ace.domain.registration import FIRST, HoldoutLook, HoldoutOpening, Registration
from ace.domain.stored import Evidence, StoredCell, StoredRegistration
from tests.unit.decide import builders as b
from tests.unit.decide.rivals import fair
from tests.unit.decide.table import GAIN

POLICY = b.near_term()
CODE = CodeState("abc", False, "package", "executor")
HOLDOUT = BenchmarkSpec("holdout", "reuters-r8", "ace.benchmarks.reuters.r8", "probe_accuracy", 1000)
FROZEN_AT = 2000.0  # after the cells of the builders, which start at 1000


def explored(*shapes: tuple[int, int], gain: float = GAIN, seed: int = 0) -> list[StoredCell]:
    """Development with its rivals, and validation, of each (seq_len, batch)."""
    cells = []
    for seq_len, batch in shapes:
        cells.append(b.stored(fair(gain, b.plan(seq_len, batch), seed=seed), f"dev-{seq_len}x{batch}"))
        validated = b.honest(gain, b.plan(seq_len, batch, "validation"), seed=seed)
        cells.append(b.stored(validated, f"val-{seq_len}x{batch}"))
    return cells


def sealed(cells: list[StoredCell], documents: int = 1500) -> Sealed:
    """The holdout with so many documents for every shape."""
    return Sealed(HOLDOUT, "holdout", {cell.plan.shape: documents for cell in cells if cell.plan is not None})


def registration_of(cells: list[StoredCell], chosen: str = "auto", **changes: object) -> Registration:
    """What ace-freeze makes of them."""
    return replace(frozen_of(b.evidence(*cells), chosen), **changes)  # type: ignore[arg-type]


def frozen_of(evidence: Evidence, chosen: str = "auto") -> Registration:
    """What ace-freeze makes of a store."""
    return freeze(evidence, POLICY, chosen, sealed(list(evidence.cells)), CODE, FROZEN_AT).registration


def look_of(registration: Registration, index: int = 0, previous: str = FIRST) -> HoldoutLook:
    name, idea, opened_at = registration.holdout.target, registration.idea, registration.frozen_at + 1
    return HoldoutLook(index, previous, registration.digest, registration.experiment, idea, name, opened_at)


def opened(
    registration: Registration,
    look: HoldoutLook,
    gain: float = GAIN,
    change: Callable[[CellRecord], CellRecord] = lambda record: record,
    started_at: float = FROZEN_AT + 2,
    **honest: object,
) -> list[StoredCell]:
    """Every registered cell on the holdout."""
    cells = []
    for shape in registration.opened:
        plan: CellPlan = replace(
            b.plan(shape.seq_len, shape.batch, "holdout"),
            benchmark=registration.holdout,
            registration=registration.digest,
            look=look.digest,
            seed=registration.holdout_seed,
        )
        record = change(b.at(b.honest(gain, plan, **honest), started_at))
        cells.append(b.stored(record, f"hold-{shape}"))
    return cells


def openings_of(cells: list[StoredCell], looks: tuple[HoldoutLook, ...]) -> tuple[HoldoutOpening, ...]:
    """One a holdout run of a known look, as the launcher writes them, chained behind the looks."""
    known = {look.digest for look in looks}
    made: list[HoldoutOpening] = []
    for cell in cells:
        plan = cell.plan
        if plan is None or plan.look not in known:
            continue
        entries = [*looks, *made]
        previous = entries[-1].digest if entries else FIRST
        made.append(HoldoutOpening(len(entries), previous, plan.look, plan.shape, plan.seed, cell.run_id, FROZEN_AT))
    return tuple(made)


def evidence(
    cells: list[StoredCell], registration: Registration | None, looks: tuple[HoldoutLook, ...] = (), **changes: object
) -> Evidence:
    stored = () if registration is None else (StoredRegistration("registration", registration, None),)
    given = {"registrations": stored, "looks": looks, "openings": openings_of(cells, looks)} | changes
    return replace(b.evidence(*cells), **given)  # type: ignore[arg-type]


def decide(of: Evidence, policy: Policy = POLICY) -> Decision:
    return judge(of, policy)[0]
