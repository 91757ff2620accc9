"""What a cell of the map is made of: measurements, the conditions they were made under, and which of them are pooled.

Used by `gather`. Everything that was measured at a shape is here; nothing is picked by what it says.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ace.domain.plan import FIXED, SPLITS, Shape
from ace.domain.record import CellRecord
from ace.domain.session import Session
from ace.domain.stored import StoredCell
from ace.errors import EvidenceError

FINISHED = "FINISHED"
OWN = "measured"  # in sessions of ACE's own
LONGEST = 1e6  # times the shortest timing of a session: the outlier that a suspended machine leaves is far below


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must be equal before sessions of two measurements may stand in one sample."""

    package: str
    host: str
    processor: str
    device: str
    threads: int
    libraries: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    benchmark: tuple[str, ...]
    rounds: int
    order: str
    source: str

    def __str__(self) -> str:
        libraries = "".join(f", {name} {version}" for name, version in self.libraries)
        settings = "".join(f", {name}={value}" for name, value in self.settings)
        where = f"{self.processor}, {self.device}, threads={self.threads}{libraries}{settings}"
        made = f"code {self.package[:8]} on {self.host} ({where}), {self.benchmark[1]}, {self.rounds} rounds"
        return made if self.source == OWN else f"{self.source}, {self.order} order, {self.rounds} timings a session"


@dataclass(frozen=True, slots=True)
class Measurement:
    """An attempt with its record. `job`: its overrides in a sweep. `digest`: that of the stored bytes."""

    run_id: str
    started_at: float
    job: str | None
    digest: str
    record: CellRecord

    @property
    def conditions(self) -> Conditions:
        """Under which it was made: of all its sessions, which share a place unless somebody joined them."""
        plan, sessions = self.record.plan, self.record.sessions
        spec = plan.benchmark
        beside = (str(spec.margin), *spec.slices, *(other.target for other in plan.further))
        asked = (spec.target, spec.name, spec.metric, *beside)
        # a table of timings has one width: sessions of another length are another sample, never a shorter one
        rounds = min((len(s.order) for s in sessions), default=plan.protocol.rounds)
        places = [s.environment for s in sessions]
        return Conditions(
            package=self.record.code.package_digest,
            host=_joined((e.host for e in places), "no host"),
            processor=_joined((e.cpu_model for e in places), "no processor"),
            device=_joined((e.device for e in places), "no device"),
            threads=plan.protocol.threads,
            libraries=tuple(dict.fromkeys(pair for e in places for pair in e.versions)),
            settings=tuple(dict.fromkeys(pair for e in places for pair in e.settings)),
            benchmark=asked,
            rounds=rounds if self.record.imported is None else len(self.record.imported.pair[0][0]),
            order=self.record.order,
            source=OWN if self.record.imported is None else f"imported from {self.record.imported.tool}",
        )

    @property
    def age(self) -> tuple[float, float, str]:
        """What it is ordered by: the time in its record, which its digest covers, before that of the run."""
        return self.record.started_at, self.started_at, self.run_id


def _joined(values: Iterable[str], none: str) -> str:
    return "+".join(dict.fromkeys(values)) or none


@dataclass(frozen=True)  # no slots: what fifty rules ask for is put together once
class Cell:
    """A shape on a split with the measurements that count, oldest first. `others`: those under other conditions, which
    are not pooled, newest conditions first."""

    key: str
    split: str
    shape: Shape
    measurements: tuple[Measurement, ...]
    conditions: Conditions
    others: tuple[tuple[Conditions, tuple[Measurement, ...]], ...]

    @cached_property
    def records(self) -> tuple[CellRecord, ...]:
        """The records pooled here."""
        return tuple(m.record for m in self.measurements)

    @cached_property
    def sessions(self) -> tuple[Session, ...]:
        """All sessions of all measurements: none is left out."""
        return tuple(session for record in self.records for session in record.sessions)

    @property
    def declared_maximum(self) -> int | None:
        """Sessions that could have been measured, where any measurement could stop early; None for a fixed design."""
        return declared_maximum(self.records)

    @property
    def all(self) -> tuple[Measurement, ...]:
        """Every measurement of the cell, whatever its conditions."""
        return (*self.measurements, *(m for _, some in self.others for m in some))

    @property
    def looks(self) -> int:
        """How often somebody could have looked at this cell."""
        return len(self.all)

    @property
    def newest(self) -> Measurement:
        """The measurement that says how this cell is measured now."""
        return self.measurements[-1]


def declared_maximum(records: Sequence[CellRecord]) -> int | None:
    """The sum of planned sessions where one of the records comes from a sequential protocol, else None."""
    if all(record.plan.protocol.stopping == FIXED for record in records):
        return None
    return max(sum(r.plan.protocol.sessions for r in records), sum(len(r.sessions) for r in records))


def is_evidence(attempt: StoredCell) -> bool:
    """Whether its sessions count. A finished run's do (integrity asks whether they are whole); under any other status a
    record counts that verifies and holds sessions, so that no status hides a measurement."""
    if attempt.record is None:
        return False
    return attempt.status == FINISHED or (verified(attempt) and bool(attempt.record.sessions))


def verified(attempt: StoredCell) -> bool:
    """Whether its record is there and is the one that the run vouches for."""
    whole = attempt.record is not None and attempt.tagged_digest is not None
    return whole and attempt.record_digest == attempt.tagged_digest


def several_sizes(attempts: Iterable[StoredCell]) -> bool:
    """Whether hidden and depth are needed to tell the cells of a map apart."""
    return len({(a.plan.shape.hidden, a.plan.shape.depth) for a in attempts if a.plan is not None}) > 1


def cells_of(attempts: Sequence[StoredCell]) -> tuple[Cell, ...]:
    """The map: measurements by split and shape, in the order of both."""
    groups: dict[tuple[str, Shape], list[Measurement]] = defaultdict(list)
    for a in attempts:
        if is_evidence(a) and a.record is not None:
            _require_judgeable(a.run_id, a.record)
            made = Measurement(a.run_id, a.started_at, a.job, a.record_digest or "", a.record)
            groups[a.record.split, a.record.plan.shape].append(made)
    many = several_sizes(attempts) or len({(shape.hidden, shape.depth) for _, shape in groups}) > 1
    cells = [_cell(split, shape, found, many) for (split, shape), found in groups.items()]
    return tuple(sorted(cells, key=lambda c: (SPLITS.index(c.split), *shape_order(c.shape))))


def _require_judgeable(run_id: str, record: CellRecord) -> None:
    """Refuse what no clock can have read, by name, before arithmetic does."""
    for session in record.sessions:
        seconds = [t for timings in session.timings for t in timings.wall_s]
        where = f"run {run_id}, session {session.index}"
        if not seconds:
            raise EvidenceError(f"{where}: no round was timed; delete nothing, restore its record from a backup.")
        if not max(seconds) < LONGEST * min(seconds):
            raise EvidenceError(
                f"{where}: timings from {min(seconds):g} to {max(seconds):g} s in one session are no timings; "
                "restore its record from a backup."
            )


def shape_order(shape: Shape) -> tuple[int, int, int, int]:
    """Smallest model first, then shortest, then fewest at a time."""
    return shape.hidden, shape.depth, shape.seq_len, shape.batch


def cell_key(split: str, shape: Shape, many_sizes: bool) -> str:
    """`development 64x1`; with hidden and depth where the map has more than one size of model."""
    return f"{split} {shape}" + (f" h{shape.hidden} d{shape.depth}" if many_sizes else "")


def _cell(split: str, shape: Shape, found: list[Measurement], many_sizes: bool) -> Cell:
    groups: dict[Conditions, list[Measurement]] = defaultdict(list)
    for measurement in sorted(found, key=lambda m: m.age):
        groups[measurement.conditions].append(measurement)
    used = _used(groups)
    others = sorted((c for c in groups if c != used), key=lambda c: groups[c][-1].age, reverse=True)
    return Cell(
        cell_key(split, shape, many_sizes),
        split,
        shape,
        tuple(groups[used]),
        used,
        tuple((other, tuple(groups[other])) for other in others),
    )


def _used(groups: Mapping[Conditions, Sequence[Measurement]]) -> Conditions:
    """The newest place and code; there, the length of session with most timed rounds, so that one short measurement
    replaces nothing. One without a session hides none that has some."""

    def timed(conditions: Conditions) -> int:
        return sum(len(s.order) for m in groups[conditions] for s in m.record.sessions)

    newest = max(groups, key=lambda c: (timed(c) > 0, groups[c][-1].age))
    alike = [c for c in groups if replace(c, rounds=0) == replace(newest, rounds=0)]
    return max(alike, key=lambda c: (timed(c), groups[c][-1].age))
