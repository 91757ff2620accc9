"""Breaking the seal: the only way to a holdout cell. Called by the launcher before the cell's plan is final.

It finds the claim's registration, compares it with what is about to run, and writes the look into the ledger before any
sealed document is read; then, once the cell's run is in the store, which run opens the cell. Resuming the same
registration is the same look.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ace.domain.claim import claim_id, claim_of
from ace.domain.isolated import ISOLATED_SESSIONS
from ace.domain.plan import CellPlan
from ace.domain.record import CellRecord, CodeState, Digests
from ace.domain.registration import (
    MOST_OPENINGS,
    HoldoutLook,
    HoldoutOpening,
    LedgerEntry,
    Registration,
    UnlistedLook,
    looks_of,
)
from ace.domain.stored import Evidence
from ace.errors import PlanError
from ace.tracking.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Here:
    """What a holdout cell would be measured by, beside its code: `libraries` and `settings` as sessions record them."""

    host: str
    libraries: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]


class AlreadyMeasured(PlanError):
    """The cell gave its evidence, `record`, in run `run_id`: it is not measured by that seed again."""

    def __init__(self, text: str, record: CellRecord, run_id: str) -> None:
        super().__init__(text)
        self.record, self.run_id = record, run_id


def unseal(
    plan: CellPlan,
    code: CodeState,
    weights: Digests,
    here: Here,
    evidence: Evidence,
    ledger: Ledger,
    now_s: float,
    again: bool = False,
) -> CellPlan:
    """The plan as the registration says it is to be run: its seed, its registration and its look.

    `again`: the one re-measurement of a cell that a rule left unresolved, which every registration foresees.
    Raises PlanError when the claim is not registered, has changed since, or has no look left.
    """
    claim = claim_id(plan, code.executor_digest, weights)
    registration = _registered(plan, claim, evidence)
    _require_unchanged(plan, code, weights, registration)
    _require_same_place(plan, claim, here, evidence)
    others = evidence.unlisted
    look = ledger.append(lambda index, previous, listed: _look(index, previous, listed, others, registration, now_s))
    look = look or next(made for made in ledger.looks() if made.registration == registration.digest)
    seed = registration.holdout_seed + again
    # one claimed cell has its arms timed alone as well, where nobody chose it by what came out
    drawn = registration.opened[registration.holdout_seed % len(registration.opened)]
    alone = ISOLATED_SESSIONS if plan.shape == drawn and not again else 0
    opened = replace(
        plan,
        seed=seed,
        registration=registration.digest,
        look=look.digest,
        isolated_sessions=max(plan.isolated_sessions, alone),
    )
    _require_unmeasured(opened, evidence)
    _require_found(opened, evidence)
    return opened


def write_opening(plan: CellPlan, run_id: str, ledger: Ledger, now_s: float) -> None:
    """Put into the ledger that `run_id`, which is in the store, opens the cell now.  Raises StoreError."""

    def opening(index: int, previous: str, _: Sequence[LedgerEntry]) -> HoldoutOpening:
        return HoldoutOpening(index, previous, plan.look or "", plan.shape, plan.seed, run_id, now_s)

    ledger.append(opening)


def _registered(plan: CellPlan, claim: str, evidence: Evidence) -> Registration:
    """The newest registration of the claim."""
    whole = [stored.registration for stored in evidence.registrations if stored.registration is not None]
    mine = [registration for registration in whole if registration.claim == claim]
    if mine:
        return mine[-1]
    others = "".join(f"; registered is {made.label}" for made in whole[-1:])
    raise PlanError(
        f"split=holdout is sealed: this claim is not registered in experiment {plan.experiment}{others}. "
        f"Measure development and validation, then run: ace-freeze --experiment {plan.experiment}"
    )


def _require_unchanged(plan: CellPlan, code: CodeState, weights: Digests, registration: Registration) -> None:
    differing = [
        (name, was, now)
        for name, was, now in (
            ("ACE's own sources", registration.code.package_digest[:12], code.package_digest[:12]),
            ("the executor's sources", registration.code.executor_digest[:12], code.executor_digest[:12]),
            ("the weights", sorted(registration.weights), sorted(weights)),
            ("protocol", registration.protocol, plan.protocol),
            ("split", registration.holdout, plan.benchmark),
        )
        if was != now
    ]
    if differing:
        name, was, now = differing[0]
        raise PlanError(
            f"split=holdout is sealed: {name} changed since the claim was registered (registered {was}, now {now}); "
            f"restore it, or register anew: ace-freeze --experiment {plan.experiment}"
        )
    if plan.shape not in registration.opened:
        named = ", ".join(map(str, registration.opened))
        raise PlanError(f"split=holdout is sealed for cell {plan.shape}: registered are {named}.")


def _require_same_place(plan: CellPlan, claim: str, here: Here, evidence: Evidence) -> None:
    """What ran elsewhere, or by other libraries, confirms nothing (gate parity): the look would be spent in vain."""
    own = [cell.record for cell in evidence.cells if cell.record is not None and cell.record.plan.shape == plan.shape]
    sessions = [s for record in own if claim_of(record) == claim for s in record.sessions]
    if not sessions:
        return
    was = max(sessions, key=lambda session: session.started_at).environment
    known = {name for name, _ in here.libraries}  # what a board's driver adds is known to sessions alone
    libraries = tuple((name, version) for name, version in was.versions if name in known)
    for name, before, now in (
        ("hosts", was.host, here.host),
        ("libraries", dict(libraries), dict(here.libraries)),
        ("environment variables", dict(was.settings), dict(here.settings)),
    ):
        if before != now:
            raise PlanError(
                f"split=holdout stays sealed: {plan.shape} was measured by other {name} ({before}, now {now}), and "
                "what is measured here would confirm nothing; go back there, or measure all of the claim here, under "
                "another experiment.name"
            )


def _look(
    index: int,
    previous: str,
    listed: Sequence[LedgerEntry],
    unlisted: Sequence[UnlistedLook],
    registration: Registration,
    now_s: float,
) -> HoldoutLook | None:
    """The look to be written down; None where this registration has had its own already."""
    looks = [entry for entry in listed if isinstance(entry, HoldoutLook)]
    if any(look.registration == registration.digest for look in looks):
        return None
    budget = registration.policy.holdout_looks
    spent = looks_of([*looks, *unlisted], registration.idea, registration.holdout.target)
    if len(spent) >= budget:
        raise PlanError(
            f"split=holdout stays sealed: {registration.idea} has looked at {registration.holdout.name} {len(spent)} "
            f"time(s), by registration {spent[-1].registration[:12]}, and policy.holdout_looks={budget}; another look "
            "needs documents that it has not seen, or a policy that pays for it with a stricter level."
        )
    of = registration.holdout.target
    return HoldoutLook(index, previous, registration.digest, registration.experiment, registration.idea, of, now_s)


def _require_unmeasured(plan: CellPlan, evidence: Evidence) -> None:
    """A cell that gave its evidence under this look is not measured again: that would be another look."""
    for cell in evidence.cells:
        asked = (plan.look, plan.shape, plan.seed)
        same = cell.plan is not None and (cell.plan.look, cell.plan.shape, cell.plan.seed) == asked
        if same and cell.record is not None and cell.record.sessions:
            raise AlreadyMeasured(
                f"holdout cell {plan.shape} was measured under this look already (run {cell.run_id}) and is not looked "
                f"at again; judge it: ace-decide --experiment {plan.experiment}",
                cell.record,
                cell.run_id,
            )


def _require_found(plan: CellPlan, evidence: Evidence) -> None:
    """What the ledger says was opened is in the store: else nobody knows what was seen, and it is not seen again."""
    there, before = {cell.run_id for cell in evidence.cells}, 0
    for opening in evidence.openings:
        same = (opening.look, opening.shape, opening.seed) == (plan.look, plan.shape, plan.seed)
        before += same
        if same and opening.run_id not in there:
            raise PlanError(
                f"split=holdout stays sealed for cell {plan.shape}: run {opening.run_id} opened it under this look and "
                "is not in the store any more; restore that run from a backup, or claim the idea under another "
                "experiment.name, on a holdout that was not opened."
            )
    if before >= MOST_OPENINGS:
        raise PlanError(
            f"split=holdout stays sealed for cell {plan.shape}: {before} runs have opened it under this look and none "
            "ended with evidence; what they saw was seen. Find out what ends them on development, and claim the idea "
            "under another experiment.name, on a holdout that was not opened."
        )
