"""Lies about what was chosen, seen and kept: selection, seals, registrations, ledgers, deleted and foreign evidence."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from ace.domain.plan import HOLDOUT, VALIDATION, ExecutorSpec
from ace.domain.record import CellRecord, Imported
from ace.domain.registration import UnlistedLook, idea_of
from ace.domain.session import CANDIDATE, Session
from ace.domain.snapshot import snapshot_of
from ace.domain.stored import Evidence, StoredRegistration, StoredSweep
from ace.domain.verdict import Verdict
from tests.deceptions.case import Case, Told
from tests.deceptions.changes import sessions, timed
from tests.deceptions.way import (
    FULL,
    PRUNING,
    Change,
    Idea,
    Way,
    forged,
    measured,
    open_holdout,
    plan_of,
    register,
    walk,
)
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r
from tests.unit.decide.table import GAIN

INVALID, INCONCLUSIVE, NO_GAIN = Verdict.INVALID, Verdict.INCONCLUSIVE, Verdict.REJECTED_NO_GAIN
DEV, VAL, HOLD = 0, 1, 2
NOTHING = Idea(
    "ace.executors.identity.Identity", (), 0.0, declared=None, tokens=FULL, full_share=0.99, gains=(), scores=()
)
NULL_PRUNING = replace(PRUNING, gain=0.0, gains=(), scores=())


def on_the_holdout(change: Change) -> Told:
    return Told(walk(lie=change, on=(HOLDOUT,)).evidence())


def on_validation(change: Change) -> Told:
    return Told(walk(lie=change, on=(VALIDATION,)).evidence())


@cache
def honest() -> Way:
    return walk()


def stored_otherwise(place: int, **changes: object) -> Evidence:
    """What the store says of one run (of development, validation, holdout), its record untouched."""
    cells = [*honest().explored, *honest().opened]
    cells[place] = replace(cells[place], **changes)  # type: ignore[arg-type]
    return replace(honest(), explored=tuple(cells[:2]), opened=tuple(cells[2:])).evidence()


def no_gain(walls: dict[str, np.ndarray], _: np.random.Generator, __: Session) -> None:
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(GAIN)


def edited() -> Told:
    """A holdout run that showed no gain; afterwards its record is the honest one, with the digest of the first."""
    [good] = honest().opened
    assert good.record is not None
    slow = b.stored(timed(no_gain)(good.record), good.run_id)
    return Told(stored_otherwise(HOLD, tagged_digest=slow.tagged_digest))


def another_baseline_kept() -> Told:
    other = b.stored(b.honest(GAIN, b.plan(), seed=9))
    assert other.record is not None
    return Told(stored_otherwise(DEV, baseline=snapshot_of(other.record, other.record_digest or "")))


def other_documents(session: Session) -> Session:
    """The documents named in the record are not those that the process took its digest of."""
    return replace(session, inputs=tuple((i + 500,) for i in range(len(session.order))))


def development_sessions_for_the_holdout() -> Told:
    dev = honest().explored[DEV].record
    assert dev is not None
    plain = measured(replace(PRUNING, gains=()), dev.plan).sessions
    kept = {"baseline", "null", "candidate"}
    way = walk(lie=lambda record: replace(record, sessions=plain), on=(VALIDATION, HOLDOUT))
    assert {t.arm for t in plain[0].timings} == kept
    return Told(way.evidence())


def other_policy() -> Told:
    """Quality may lose more than was registered."""
    return Told(honest().evidence(), b.near_term(quality_margin=0.05))


def smaller_floor() -> Told:
    """1.5 % is called a gain once the holdout has shown that 3 % is not there."""
    small = replace(PRUNING, gain=0.027, gains=(), scores=())
    way = walk()
    opened = open_holdout(small, way.registration, way.look)
    return Told(replace(way, opened=opened).evidence(), b.near_term(delta=0.015))


def looked_before(parameters: tuple[tuple[str, object], ...] | None = None) -> Told:
    """The idea (or a variant of it) has been at the sealed documents before; the second look is the one shown."""
    way = walk()
    made = way.registration
    spec = made.executor if parameters is None else replace(made.executor, parameters=parameters)
    idea = idea_of(spec, (content for _, content in made.weights), made.holdout.inputs)
    first = replace(way.look, registration="of an earlier claim", experiment="an earlier one", idea=idea)
    second = replace(way.look, index=1, previous=first.digest)
    again = replace(way, look=second, opened=open_holdout(PRUNING, way.registration, second))
    looks = (first, second)
    return Told(replace(again.evidence(), looks=looks, openings=r.openings_of(list(again.opened), looks)))


def looked_from_elsewhere() -> Told:
    way = walk()
    unlisted = UnlistedLook("f" * 64, "of another machine", "elsewhere", "run-elsewhere", None, None)
    return Told(replace(way.evidence(), unlisted=(unlisted,)))


def purged() -> Told:
    """The holdout was opened twice under one look: once it showed nothing, and that run is deleted for good."""
    way = honest()
    bad = replace(way.opened[0], run_id="holdout-purged")
    openings = r.openings_of([bad, *way.opened], (way.look,))
    return Told(way.evidence(openings=openings))


def with_ledger(**changes: object) -> Told:
    return Told(replace(honest().evidence(), **changes))  # type: ignore[arg-type]


def registered_afterwards() -> Told:
    way = honest()
    early = lambda record: b.at(record, r.FROZEN_AT - 500)  # noqa: E731
    return Told(replace(way, opened=open_holdout(PRUNING, way.registration, way.look, early)).evidence())


def never_registered() -> Told:
    return Told(r.evidence([*honest().explored, *honest().opened], None, (honest().look,)))


def altered_registration() -> Told:
    stored = StoredRegistration("registration", None, "registration.json has another sha256 than the run says")
    return Told(honest().evidence(registrations=(stored,)))


def another_registration() -> Told:
    """The cells are claimed anew after the holdout was seen: its runs belong to the first registration."""
    way = honest()
    later = replace(way.registration, frozen_at=way.registration.frozen_at + 0.5)
    return Told(r.evidence([*way.explored, *way.opened], later, (r.look_of(later),)))


def tuned_on_the_holdout() -> Told:
    """Settings were compared on the sealed documents before anything was registered; the best one is claimed."""
    way = honest()
    tried = replace(plan_of(PRUNING, 64, 1, HOLDOUT), benchmark=way.registration.holdout)
    record = b.at(b.honest(GAIN, tried, seed=3), 1500.0)
    return Told(way.evidence(b.stored(record, "holdout-tried")))


def documents_of(place: int) -> Change:
    """One document of the record is one that another split was shown."""
    seen = honest().explored[place].record
    assert seen is not None
    return lambda record: replace(record, documents=(*record.documents[:-1], seen.documents[0]))


def shared_with_validation() -> Told:
    return on_validation(documents_of(DEV))


def evidence_replaced() -> Told:
    """The development run that was registered is gone; a better one stands in its place."""
    way = honest()
    better = b.stored(measured(replace(PRUNING, gain=0.14), plan_of(PRUNING, 64, 1, "development", 5), 5), "dev-better")
    return Told(replace(way, explored=(better, way.explored[VAL])).evidence())


def deleted_run() -> Told:
    """A run that showed a loss was deleted in the user interface of the store."""
    loss = b.stored(measured(replace(PRUNING, gain=-0.1), plan_of(PRUNING, 64, 1, "development", 1), 1), "deleted")
    gone = replace(loss, record=None, record_digest=None, baseline=None, problem="the run was deleted in MLflow")
    return Told(honest().evidence(gone))


def hidden_by_its_status() -> Told:
    """A run that showed a loss is marked FAILED, as if it were no evidence."""
    loss = measured(replace(PRUNING, gain=-0.1), plan_of(PRUNING, 64, 1, VALIDATION, 1), 1)
    return Told(honest().evidence(b.stored(loss, "validation-loss", "FAILED")))


def unexplained_failure() -> Told:
    dead = b.stored(measured(PRUNING, plan_of(PRUNING, 64, 1, VALIDATION, 1), 1), "validation-dead", "FAILED")
    gone = replace(dead, record=None, record_digest=None, tagged_digest=None, baseline=None)
    return Told(honest().evidence(gone))


def unfinished_as_finished() -> Told:
    """A run that was interrupted never wrote its digest; somebody sets its status to FINISHED."""
    return Told(stored_otherwise(HOLD, tagged_digest=None, baseline=None))


JOBS = ("batch=1,seq_len=64,split=development", "batch=1,seq_len=64,split=validation")


def in_a_sweep(*dropped: str) -> Told:
    """Development and validation as jobs of one declared grid, and jobs that have no attempt."""
    way = honest()
    cells = tuple(replace(cell, sweep="grid", job=job) for cell, job in zip(way.explored, JOBS, strict=True))
    sweep = StoredSweep("sweep", "grid", "FINISHED", 1.0, (*JOBS, *dropped))
    return Told(replace(replace(way, explored=cells).evidence(), sweeps=(sweep,)))


def whole_sweep() -> Told:
    return in_a_sweep()


def a_claimed_cell_left_out() -> Told:
    """Two cells are registered; the one that the holdout denies is not shown."""
    way = walk(shapes=((64, 1), (128, 1)))
    return Told(replace(way, opened=way.opened[:1]).evidence(openings=r.openings_of(list(way.opened[:1]), (way.look,))))


def two_cells() -> Told:
    return Told(walk(shapes=((64, 1), (128, 1))).evidence())


def no_validation() -> Told:
    way = walk()
    explored = way.explored[:1]
    made = forged(way.registration, explored)
    look = r.look_of(made)
    return Told(Way(explored, made, look, open_holdout(PRUNING, made, look)).evidence())


def best_of(cells: int) -> Told:
    """A candidate that does nothing over a whole map; the cell with the largest gain is registered and opened."""
    shapes = [(seq_len, batch) for seq_len in (16, 24, 32, 48, 64, 96, 128, 192) for batch in (1, 2, 4, 8, 16, 32)]
    nulls = [
        b.stored(measured(NULL_PRUNING, plan_of(NULL_PRUNING, *shape, split)), f"{split}-{shape}")
        for shape in shapes[:cells]
        for split in ("development", VALIDATION)
    ]
    decision = r.decide(b.evidence(*nulls))
    best = max((c for c in decision.cells if c.split == "development"), key=lambda c: c.gain or 0.0)
    honest_one = walk(shapes=((best.seq_len, best.batch),)).explored
    made = forged(register(honest_one), nulls)
    made = replace(made, grid=tuple(c.shape for c in decision.cells if c.split == "development"))
    look = r.look_of(made)
    return Told(Way(tuple(nulls), made, look, open_holdout(NULL_PRUNING, made, look)).evidence())


MAP = [(seq_len, batch) for seq_len in (128, 256, 512) for batch in (1, 2, 4)]


def null_map() -> Told:
    nulls = [b.stored(measured(NOTHING, plan_of(NOTHING, *shape, "development")), f"{shape}") for shape in MAP]
    return Told(b.evidence(*nulls))


def imported(order: str) -> Callable[[], Told]:
    """The same map as timings of another tool: the candidate against one baseline that was measured once, elsewhere."""

    def told() -> Told:
        cells = []
        for shape in MAP:
            rng = np.random.default_rng([17, *shape])
            one, two = (0.02 * np.exp(rng.normal(0, 0.01, (12, 12))) for _ in range(2))
            plan = replace(plan_of(NOTHING, *shape, "development"), executor=ExecutorSpec("imported.csv", ()))
            tables = [tuple(map(tuple, table.tolist())) for table in (20 * one, two)]
            own = Imported("csv", "times.csv", "0" * 64, "dense", "nothing", *tables, order, "as the file says")
            made = replace(b.record(of=plan, loss=None), sessions=(), imported=own)
            cells.append(b.stored(made, f"imported-{shape}"))
        return Told(b.evidence(*cells))

    return told


def planted_baseline() -> Told:
    """The baseline carries planted compute; the candidate is the model as it is."""
    return Told(walk(lie=lambda record: replace(record, planted="baseline")).evidence())


def loss_under_other_conditions() -> Told:
    """The first measurement of validation said slower; it was taken again by other code, and only that is shown."""
    loss = measured(replace(PRUNING, gain=-0.1), plan_of(PRUNING, 64, 1, VALIDATION, 1), 1)
    older = b.at(replace(loss, code=replace(loss.code, package_digest="older")), 500.0)
    return Told(honest().evidence(b.stored(older, "validation-older")))


def of_code(record: CellRecord) -> CellRecord:
    return replace(record, code=replace(record.code, package_digest="another"))


def of_weights(record: CellRecord) -> CellRecord:
    return replace(record, data=(("20newsgroups-train.tab", "other"),))


def elsewhere(session: Session) -> Session:
    return replace(session, environment=replace(session.environment, host="a faster machine", cpu_model="other"))


def imported_holdout(record: CellRecord) -> CellRecord:
    """The sealed cell was never run: timings from a file stand in its place."""
    rng = np.random.default_rng(3)
    one, two = (0.02 * np.exp(rng.normal(0, 0.01, (12, 12)) - gain) for gain in (0.0, GAIN))
    tables = [tuple(map(tuple, table.tolist())) for table in (one, two)]
    own = Imported("csv", "times.csv", "0" * 64, "dense", "pruned", *tables, "interleaved", "as the file says")
    return replace(record, sessions=(), imported=own)


def map_of(offset_sd: float) -> Told:
    """Nine cells that all gain 2 %; sessions differ by so much."""
    idea = replace(PRUNING, gain=0.02, gains=(), scores=())
    plans = [plan_of(idea, *shape, "development") for shape in MAP]
    return Told(b.evidence(*(b.stored(b.honest(0.02, plan, offset_sd=offset_sd)) for plan in plans)))


def quiet_map() -> Told:
    return map_of(0.005)


def less_on_the_holdout(walls: dict[str, np.ndarray], _: np.random.Generator, __: Session) -> None:
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(0.05)


def measured_again_by_other_code() -> Told:
    """An older measurement of a cell, by other code: it is not pooled, and the user hears of it."""
    older = measured(PRUNING, plan_of(PRUNING, 64, 1, VALIDATION, 1), 1)
    older = b.at(replace(older, code=replace(older.code, package_digest="older")), 500.0)
    return Told(honest().evidence(b.stored(older, "validation-older")))


def slower_machine(walls: dict[str, np.ndarray], _: np.random.Generator, __: Session) -> None:
    for arm in walls:
        walls[arm] = walls[arm] * 1.2


CASES = (
    Case("the null candidate through a whole map", "A candidate that does nothing, in nine cells.",
         ("gain",), NO_GAIN, null_map),
    Case("one baseline for a whole map, imported", "Nine cells are compared with a time from one earlier run.",
         ("gain",), Verdict.EXPLORATORY, imported("blocked"), "blocked order", truth=imported("interleaved"),
         accepted=Verdict.EXPLORATORY, among_others=True),
    Case("the same, called interleaved", "The file says that its arms took turns; nothing vouches for it.",
         ("provenance",), Verdict.EXPLORATORY, imported("interleaved"), "IMPORTED", truth=imported("interleaved"),
         accepted=Verdict.EXPLORATORY, among_others=True),
    Case("the best of 48 null cells", "A candidate that does nothing; the largest of 48 gains is registered.",
         ("gain", "holdout"), NO_GAIN, lambda: best_of(48)),
    Case("a record edited", "The holdout showed nothing; its record is rewritten.",
         ("integrity",), INVALID, edited, "record has sha256"),
    Case("a record whose digest is gone", "An unfinished run is marked FINISHED.",
         ("integrity",), INVALID, unfinished_as_finished, "is gone"),
    Case("a baseline from another run", "The snapshot of the baseline is that of another cell.",
         ("integrity",), INVALID, another_baseline_kept, "the snapshot is that of another baseline"),
    Case("other documents than recorded", "The documents in the record are not those that were timed.",
         ("integrity",), INVALID, lambda: Told(walk(lie=sessions(other_documents)).evidence()), "other documents"),
    Case("development sessions for the holdout", "The sessions of one cell stand for two others.",
         ("integrity",), INVALID, development_sessions_for_the_holdout, "repeated to the last digit"),
    Case("other data under the same name", "The holdout was measured with another file of the same name.",
         ("integrity",), INVALID, lambda: on_the_holdout(of_weights), "changed between cells"),
    Case("registered evidence replaced", "The run that was registered is gone, a better one is there.",
         ("integrity",), INVALID, evidence_replaced, "registered records: gone"),
    Case("a deleted run", "A run that showed a loss was deleted in the store.",
         ("integrity",), INVALID, deleted_run, "deleted"),
    Case("a loss hidden by its status", "A run that showed a loss is marked FAILED.",
         ("imprecise",), INCONCLUSIVE, hidden_by_its_status),
    Case("a failure without a reason", "A run FAILED, left no record and no traceback.",
         ("complete",), INVALID, unexplained_failure, "without a recorded reason"),
    Case("a sweep cell dropped", "Of three cells declared, the bad one has no attempt.",
         ("complete",), INVALID, lambda: in_a_sweep("batch=1,seq_len=512,split=development"), "no attempt for",
         whole_sweep),
    Case("a claimed cell left out", "Two cells are registered; the holdout of one is not shown.",
         ("holdout",), INCONCLUSIVE, a_claimed_cell_left_out, "not measured on the holdout", two_cells),
    Case("no validation", "The claim goes from development straight to the holdout.",
         ("validation",), INCONCLUSIVE, no_validation, "not measured on validation"),
    Case("thresholds changed after registration", "The margin of quality is 5 points where 3 were registered.",
         ("frozen",), INVALID, other_policy, "the policy is another one"),
    Case("a smaller floor after the holdout", "The smallest gain worth having is halved once the holdout is known.",
         ("frozen",), INVALID, smaller_floor, "the policy is another one"),
    Case("holdout looked at twice", "A second look under another registration, and the better one is shown.",
         ("holdout",), NO_GAIN, looked_before, "has looked 2 times"),
    Case("tuned on the holdout", "A variant of the idea has had the look; the next one is claimed.",
         ("holdout",), NO_GAIN, lambda: looked_before((("keep_ratio", 0.5),)), "has looked 2 times"),
    Case("looked at from another machine", "A run names a look that this ledger does not hold.",
         ("holdout",), NO_GAIN, looked_from_elsewhere, "has looked 2 times"),
    Case("a setting tried on the holdout", "A run on sealed documents without registration or look.",
         ("frozen",), INVALID, tuned_on_the_holdout, "before the registration"),
    Case("holdout run purged", "A sealed cell was opened twice; the run that showed nothing is deleted for good.",
         ("complete",), INVALID, purged, "by run holdout-purged"),
    Case("ledger line cut", "The line of the opening is cut from the end of the ledger.",
         ("complete",), INVALID, lambda: with_ledger(openings=()), "are not in the ledger"),
    Case("look removed from the ledger", "The line of the look is gone as well.",
         ("integrity",), INVALID, lambda: with_ledger(looks=(), openings=()), "is not in the ledger"),
    Case("ledger rewritten", "The chain of looks is broken.",
         ("integrity",), INVALID, lambda: with_ledger(ledger_problem="entry 1 of the ledger does not follow")),
    Case("look before registration", "The holdout was measured before the claim was frozen.",
         ("frozen",), INVALID, registered_afterwards, "before the registration"),
    Case("holdout without registration", "The sealed documents are opened by a claim that nobody registered.",
         ("frozen",), INVALID, never_registered, "without a registration"),
    Case("registration altered", "The stored registration is not the one that was written.",
         ("frozen",), INVALID, altered_registration, "cannot be believed"),
    Case("claimed anew after the holdout", "The registration is newer than the runs that it is judged on.",
         ("frozen", "integrity"), INVALID, another_registration),
    Case("development documents in the holdout", "One sealed document stands in development too.",
         ("holdout",), NO_GAIN, lambda: on_the_holdout(documents_of(DEV)), "share 1 documents"),
    Case("validation documents in the holdout", "One sealed document stands in validation too.",
         ("holdout",), NO_GAIN, lambda: on_the_holdout(documents_of(VAL)), "share 1 documents"),
    Case("development documents in validation", "One validation document stands in development too.",
         ("validation",), INCONCLUSIVE, shared_with_validation, "share 1 documents"),
    Case("a loss under other conditions", "Validation was slower; it was measured again by other code.",
         ("validation",), INCONCLUSIVE, loss_under_other_conditions, "slower"),
    Case("other code on the holdout", "The sealed cell was measured by other sources.",
         ("frozen",), INVALID, lambda: on_the_holdout(of_code), "measured by other sources"),
    Case("another machine for the holdout", "The sealed cell was measured on another host.",
         ("parity",), INCONCLUSIVE, lambda: on_the_holdout(sessions(elsewhere)), "a faster machine"),
    Case("imported timings on the holdout", "The sealed cell was never run; its timings come from a file.",
         ("provenance",), INCONCLUSIVE, lambda: on_the_holdout(imported_holdout), "IMPORTED", among_others=True),
    Case("a planted baseline", "The baseline carries extra compute; the candidate is the model as it is.",
         ("calibration",), Verdict.EXPLORATORY, planted_baseline, "it claims nothing"),
    Case("the luckiest cell as headline", "The largest of nine gains is quoted as if it had been the only one.",
         ("selected",), Verdict.EXPLORATORY, lambda: map_of(0.08), truth=quiet_map, accepted=Verdict.REJECTED_NO_GAIN,
         only_warns=True, among_others=True),
    Case("a gain that development promised", "The holdout gains 5 points less than development.",
         ("transfer gap",), Verdict.ACCEPTED, lambda: on_the_holdout(timed(less_on_the_holdout)), only_warns=True),
    Case("measurements by other code beside it", "An older measurement of a cell is there and not pooled.",
         ("conditions",), Verdict.ACCEPTED, measured_again_by_other_code, only_warns=True),
    Case("a machine that is not what it was", "All arms are 20 % slower on validation than on development.",
         ("baseline drift",), Verdict.ACCEPTED, lambda: on_validation(timed(slower_machine)),
         only_warns=True),
)  # fmt: skip
