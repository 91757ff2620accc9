"""First step of `judge`: what the store holds, sorted into claims and cells. Concludes nothing, drops nothing.

A cell is a shape on a split. Measurements of it under the same conditions are pooled, never picked from; where
conditions changed, the newest ones are used and the others are kept beside them: they count as looks, and what they
deny stays denied. A status can be set by anybody, so a whole record counts under every status. Attempts without
evidence stay with their claim.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ace.decide.cells import FINISHED, Cell, cells_of
from ace.domain.canonical import digest
from ace.domain.claim import claim_label, claim_of
from ace.domain.plan import CellPlan
from ace.domain.record import CellRecord
from ace.domain.registration import AnyLook, Registration, looks_of
from ace.domain.stored import Evidence, StoredCell, StoredRegistration, StoredSweep
from ace.errors import EvidenceError


@dataclass(frozen=True, slots=True)
class Case:
    """One claim with everything that bears on it. `store` is the whole evidence: a sweep may span several claims."""

    store: Evidence
    claim: str
    label: str
    attempts: tuple[StoredCell, ...]
    sweeps: tuple[StoredSweep, ...]
    cells: tuple[Cell, ...]
    registrations: tuple[StoredRegistration, ...]

    @property
    def registration(self) -> Registration | None:
        """What the claim is held to: of its registrations the one that has opened the holdout, else the newest."""
        whole = [stored.registration for stored in self.registrations if stored.registration is not None]
        opened = {look.registration for look in self.store.looks}
        return next((r for r in reversed(whole) if r.digest in opened), whole[-1] if whole else None)

    @property
    def registered_digest(self) -> str | None:
        """Of that registration."""
        return None if self.registration is None else self.registration.digest

    @property
    def looks(self) -> tuple[AnyLook, ...]:
        """The looks that this idea has had at the registered holdout, under whatever registration."""
        registered = self.registration
        return tuple(looks_of(self.store.all_looks, registered.idea, registered.holdout.target)) if registered else ()

    @property
    def planted(self) -> str | None:
        """The arm that carries planted compute, if any measurement says so."""
        return next((r.planted for r in records(self.attempts) if r.planted), None)


def records(attempts: Iterable[StoredCell]) -> list[CellRecord]:
    """The records that could be read, of whatever status."""
    return [attempt.record for attempt in attempts if attempt.record is not None]


def gather(evidence: Evidence) -> list[Case]:
    """One case per claim, a registered one first, then the newest.

    Raises EvidenceError when there is nothing to judge.
    """
    if not any(cell.record is not None or cell.status == FINISHED for cell in evidence.cells):
        raise EvidenceError(_nothing_recorded(evidence))
    claims: dict[str, list[StoredCell]] = defaultdict(list)
    for cell in evidence.cells:
        if cell.record is not None:
            claims[claim_of(cell.record)].append(cell)
    recorded = dict(claims)
    for cell in evidence.cells:
        if cell.record is None:
            for claim in _claims_without_record(cell, recorded):
                claims[claim].append(cell)
    registered = {r.registration.claim for r in evidence.registrations if r.registration is not None}

    # The registered claim first, then the newest. One that has never given a record is listed last: there is nothing
    # new to learn from it.
    def rank(claim: str) -> tuple[bool, bool, float, str]:
        return claim in registered, claim in recorded, max(a.started_at for a in claims[claim]), claim

    ranked = sorted(claims, key=rank, reverse=True)
    return [_case(evidence, claim, claims[claim]) for claim in ranked]


def _nothing_recorded(evidence: Evidence) -> str:
    statuses = [cell.status for cell in evidence.cells]
    if not statuses:
        return f"experiment {evidence.experiment} holds no measurement; run `python launch.py -m ...` first."
    counts = ", ".join(f"{statuses.count(s)} {s}" for s in sorted(set(statuses)))
    said = next((f"; the last one said: {c.problem}" for c in reversed(evidence.cells) if c.problem), "")
    return f"experiment {evidence.experiment} holds {len(statuses)} attempt(s) and no record ({counts}){said}"


def _kin(plan: CellPlan) -> tuple[object, ...]:
    """What of a claim can be known from a plan alone."""
    model = plan.model
    return plan.executor, model.name, model.target, model.positions, model.pretrained


def _claims_without_record(cell: StoredCell, recorded: dict[str, list[StoredCell]]) -> list[str]:
    """Where an attempt that left no record is counted: with every claim that it may belong to."""
    if cell.plan is None:
        return sorted(recorded) or [digest("unknown")]
    kin = _kin(cell.plan)
    likely = [claim for claim, cells in recorded.items() if _kin(records(cells)[0].plan) == kin]
    return sorted(likely) or [digest(["unrecorded", claim_label(cell.plan)])]


def _case(evidence: Evidence, claim: str, attempts: list[StoredCell]) -> Case:
    attempts = sorted(attempts, key=lambda a: (a.started_at, a.run_id))
    names = {a.sweep for a in attempts if a.sweep}
    seen = {a.sweep for a in evidence.cells}
    # a declared grid of which nothing at all is there could be anybody's: every claim answers for it
    own = {a.run_id for a in attempts}
    sweeps = tuple(
        s
        for s in evidence.sweeps
        if s.sweep in names or s.sweep not in seen or any(run_id in own for _, run_id in s.reused)
    )
    plan = next((a.plan for a in reversed(attempts) if a.plan is not None), None)
    label = claim_label(plan) if plan is not None else "an unreadable claim"
    # one that cannot be read could be anybody's, as a declared grid could
    mine = tuple(r for r in evidence.registrations if r.registration is None or r.registration.claim == claim)
    case = Case(evidence, claim, label, tuple(attempts), sweeps, (), mine)
    return replace(case, cells=cells_of([a for a in attempts if not _of_an_earlier_look(a, case)]))


def _of_an_earlier_look(attempt: StoredCell, case: Case) -> bool:
    """Whether a holdout run belongs to another registration, whose look stands in the ledger: it is history, paid for
    by the level, and no evidence for this one. One that no look vouches for stays, and gate frozen names it."""
    held_to, plan = case.registration, attempt.plan
    if held_to is None or plan is None or plan.registration in (None, held_to.digest):
        return False
    return (plan.look, plan.registration) in {(look.digest, look.registration) for look in case.store.looks}
