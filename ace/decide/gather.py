"""First step of `judge`: what the store holds, sorted into claims and cells. Concludes nothing, drops nothing.

A cell is a shape on a split. Measurements of it under the same conditions are pooled, never picked from; where
conditions changed, the newest ones are used and the others are named. Attempts without evidence stay with their claim.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ace.domain.canonical import digest
from ace.domain.claim import claim_label, claim_of
from ace.domain.plan import CellPlan, Shape
from ace.domain.record import CellRecord, Session
from ace.domain.stored import Evidence, StoredCell, StoredSweep
from ace.errors import EvidenceError

FINISHED = "FINISHED"
SPLITS = ("development", "validation", "holdout")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must be equal before sessions of two measurements may stand in one sample."""

    package: str
    host: str
    processor: str
    device: str
    threads: int
    libraries: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        libraries = "".join(f", {name} {version}" for name, version in self.libraries)
        where = f"{self.processor}, {self.device}, threads={self.threads}{libraries}"
        return f"code {self.package[:8]} on {self.host} ({where})"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A finished attempt with its record. `job`: its overrides in a sweep. `digest`: that of the stored bytes."""

    run_id: str
    started_at: float
    job: str | None
    digest: str
    record: CellRecord

    @property
    def conditions(self) -> Conditions:
        """Under which it was made."""
        package, threads = self.record.code.package_digest, self.record.plan.protocol.threads
        if not self.record.sessions:
            return Conditions(package, "no host", "no processor", "no device", threads, ())
        first = self.record.sessions[0].environment
        return Conditions(package, first.host, first.cpu_model, first.device, threads, first.versions)


@dataclass(frozen=True, slots=True)
class Cell:
    """A shape on a split with the measurements that count, oldest first. `others`: conditions not used, newest first,
    with their number of measurements."""

    key: str
    split: str
    shape: Shape
    measurements: tuple[Measurement, ...]
    conditions: Conditions
    others: tuple[tuple[Conditions, int], ...]

    @property
    def records(self) -> tuple[CellRecord, ...]:
        """The records pooled here."""
        return tuple(m.record for m in self.measurements)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """All sessions of all measurements: none is left out."""
        return tuple(session for record in self.records for session in record.sessions)

    @property
    def newest(self) -> Measurement:
        """The measurement that says how this cell is measured now."""
        return self.measurements[-1]


@dataclass(frozen=True, slots=True)
class Case:
    """One claim with everything that bears on it. `store` is the whole evidence: a sweep may span several claims."""

    store: Evidence
    claim: str
    label: str
    attempts: tuple[StoredCell, ...]
    sweeps: tuple[StoredSweep, ...]
    cells: tuple[Cell, ...]

    @property
    def planted(self) -> str | None:
        """The arm that carries planted compute, if any measurement says so."""
        return next((r.planted for r in records(self.attempts) if r.planted), None)


def records(attempts: Iterable[StoredCell]) -> list[CellRecord]:
    """The records that could be read, of whatever status."""
    return [attempt.record for attempt in attempts if attempt.record is not None]


def gather(evidence: Evidence) -> list[Case]:
    """One case per claim, the newest first.  Raises EvidenceError when there is nothing to judge."""
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
    # A claim that has never given a record is listed last: there is nothing new to learn from it.
    ranked = sorted(claims, key=lambda c: (c in recorded, max(a.started_at for a in claims[c]), c), reverse=True)
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
    sweeps = tuple(s for s in evidence.sweeps if s.sweep in names or s.sweep not in seen)
    plan = next((a.plan for a in reversed(attempts) if a.plan is not None), None)
    label = claim_label(plan) if plan is not None else "an unreadable claim"
    return Case(evidence, claim, label, tuple(attempts), sweeps, _cells(attempts))


def _cells(attempts: Iterable[StoredCell]) -> tuple[Cell, ...]:
    """The map: finished measurements by split and shape, in the order of both."""
    groups: dict[tuple[str, Shape], list[Measurement]] = defaultdict(list)
    for a in attempts:
        if a.status == FINISHED and a.record is not None:
            made = Measurement(a.run_id, a.started_at, a.job, a.record_digest or "", a.record)
            groups[a.record.split, a.record.plan.shape].append(made)
    sizes = {(shape.hidden, shape.depth) for _, shape in groups}
    cells = [_cell(split, shape, found, len(sizes) > 1) for (split, shape), found in groups.items()]
    return tuple(sorted(cells, key=lambda c: (SPLITS.index(c.split), *shape_order(c.shape))))


def shape_order(shape: Shape) -> tuple[int, int, int, int]:
    """Smallest model first, then shortest, then fewest at a time."""
    return shape.hidden, shape.depth, shape.seq_len, shape.batch


def cell_key(split: str, shape: Shape, many_sizes: bool) -> str:
    """`development 64x1`; with hidden and depth where the map has more than one size of model."""
    return f"{split} {shape}" + (f" h{shape.hidden} d{shape.depth}" if many_sizes else "")


def _cell(split: str, shape: Shape, found: list[Measurement], many_sizes: bool) -> Cell:
    groups: dict[Conditions, list[Measurement]] = defaultdict(list)
    for measurement in [m for m in found if m.record.sessions] or found:  # one without a session hides none that has
        groups[measurement.conditions].append(measurement)
    newest, *others = sorted(groups, key=lambda c: max(m.started_at for m in groups[c]), reverse=True)
    return Cell(
        cell_key(split, shape, many_sizes),
        split,
        shape,
        tuple(groups[newest]),
        newest,
        tuple((other, len(groups[other])) for other in others),
    )
