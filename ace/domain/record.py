"""All evidence of one cell, as it is stored: sessions, failures, quality, and what it was measured with.

Made by `ace.measure`, written and read by `ace.tracking`, judged by `ace.decide`. Raw timings are kept for ever;
nothing here is a conclusion.
"""

from dataclasses import dataclass, field

from ace.domain.canonical import sha256_text
from ace.domain.energy import SourceChoice
from ace.domain.isolated import Isolated
from ace.domain.plan import FIXED, CellPlan
from ace.domain.quality import Further, Quality, Slices
from ace.domain.quality import require_valid as _require
from ace.domain.serial import LATER, canonical_text
from ace.domain.session import BASELINE, CANDIDATE, Session

SCHEMA_VERSION = 4
Digests = tuple[tuple[str, str], ...]
"""(name, sha256) of files."""
INTERLEAVED = "interleaved"
ORDERS = (INTERLEAVED, "alternating", "blocked", "unknown")
"""In which order the arms ran; ACE itself interleaves them in mirrored blocks."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A session, or the examination before the sessions, that gave no evidence.

    `session` is None for the examination. `kind`: refused, raised, forked, died, hung, rubbish, invalid output, changed
    input, changed baseline. `detail` is for people.
    """

    session: int | None
    stage: str
    kind: str
    arm: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class RivalResult:
    """A rival that was to be measured: its quality, or why there is none. `failure`: why it could not run at all."""

    name: str
    role: str
    quality: Quality | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Peak resident memory of one arm alone in a process of its own, over calls of the cell's shape, or why not.

    `device_peak_bytes`: most that was held on the board meanwhile; None where the arms run on none."""

    arm: str
    peak_bytes: int | None
    reason: str | None
    device_peak_bytes: int | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Peak:
    """The most that this machine was seen to do with the threads of a session, in a process of its own.

    `flops_per_s`: by number type, None where the machine does not multiply in it. `bytes_per_s`: of a working set of so
    many bytes read or copied over and over, smallest set first. `reason`: why nothing was measured, None where it was.
    """

    threads: int
    flops_per_s: tuple[tuple[str, float | None], ...]
    bytes_per_s: tuple[tuple[int, float], ...]
    reason: str | None

    def __post_init__(self) -> None:
        rates = [rate for _, rate in (*self.flops_per_s, *self.bytes_per_s) if rate is not None]
        _require(all(rate > 0 for rate in rates), "peak: a rate is not positive; what was not measured is None")
        _require(bool(rates) == (self.reason is None), "peak: rates and a reason for none exclude each other")
        sets = [size for size, _ in self.bytes_per_s]
        _require(sets == sorted(set(sets)), "peak: working sets are not in the order of their size")


@dataclass(frozen=True, slots=True)
class Look:
    """What the stop rule saw after `sessions` measured sessions, and whether it asked for no more. Bounds are logs."""

    sessions: int
    answer: str
    low: float | None
    high: float | None
    settled: bool


Table = tuple[tuple[float, ...], ...]
"""(sessions, timings) seconds"""


@dataclass(frozen=True, slots=True)
class Imported:
    """Timings that another tool measured, as its file holds them. Nothing but the clock of that tool vouches for them.

    `order`: interleaved, alternating, blocked or unknown, with `order_reason` saying how it is known. `sha256`: of the
    file. The arms may differ in their number of sessions; those without a partner are kept and not compared.
    """

    tool: str
    file: str
    sha256: str
    baseline_name: str
    candidate_name: str
    baseline: Table
    candidate: Table
    order: str
    order_reason: str

    def __post_init__(self) -> None:
        for arm, table in ((BASELINE, self.baseline), (CANDIDATE, self.candidate)):
            _require(bool(table) and all(table), f"imported {arm}: a session without a timing")
            _require(all(seconds > 0 for row in table for seconds in row), f"imported {arm}: a time is not positive")
        _require(self.order in ORDERS, f"imported order {self.order!r}; expected one of {', '.join(ORDERS)}")

    @property
    def pair(self) -> tuple[Table, Table]:
        """Both arms cut to the sessions and timings that have a partner."""
        sessions = min(len(self.baseline), len(self.candidate))
        width = min(len(row) for table in (self.baseline, self.candidate) for row in table)
        first, second = (tuple(row[:width] for row in table[:sessions]) for table in (self.baseline, self.candidate))
        return first, second


@dataclass(frozen=True, slots=True)
class CodeState:
    """Which code measured: git's word, and digests that need no git. `commit` is None outside a checkout."""

    commit: str | None
    dirty: bool | None
    package_digest: str
    executor_digest: str


@dataclass(frozen=True, slots=True)
class CellRecord:
    """Everything known about one attempt at one cell.

    `weights`, `data`: sha256 of every file read, by name. `documents`: the first 12 hex digits of each document's own
    digest, in the order of the scores, so that splits can be seen to share none; `slices` divide them.
    `quality` is None with `quality_reason` saying why; `further`: other benchmarks of the split. `first_prepare_s`:
    wall time of preparing the candidate in the first process of the attempt that did, with no compiled code at hand.
    `planted` names the arm that carries planted extra compute; such a cell calibrates, it claims nothing. `looks` are
    those of a sequential protocol, in order; a fixed one has none. A record with `imported` timings has no session.
    `isolated`: each arm alone, None where the plan asks for none. `peak`: of the machine, None where no session was to
    be measured.
    `energy_sources`: one choice a chain, made once.
    """

    schema_version: int
    attempt: str
    plan: CellPlan
    sessions: tuple[Session, ...]
    failures: tuple[Failure, ...]
    documents: tuple[str, ...]
    slices: tuple[Slices, ...]
    quality: Quality | None
    quality_reason: str | None
    further: tuple[Further, ...]
    first_prepare_s: float | None
    planted: str | None
    looks: tuple[Look, ...]
    imported: Imported | None
    rivals: tuple[RivalResult, ...]
    memory: tuple[MemoryUse, ...]
    isolated: Isolated | None
    peak: Peak | None
    code: CodeState
    weights: Digests
    data: Digests
    started_at: float
    ended_at: float
    energy_sources: tuple[SourceChoice, ...] = ()

    def __post_init__(self) -> None:
        _require((self.quality is None) != (self.quality_reason is None), "quality and its reason exclude each other")
        divided = {len(slices.of) for slices in self.slices} - {len(self.documents)}
        _require(not divided, f"slices of {divided} documents, of {len(self.documents)}")
        indices = [s.index for s in self.sessions]
        _require(len(set(indices)) == len(indices), "a session index twice")
        _require(self.imported is None or not self.sessions, "imported timings beside sessions of ACE's own")
        fixed = self.plan.protocol.stopping == FIXED
        _require(self.imported is None or fixed, "imported timings of a sequential protocol: nobody looked at them")
        seen = [look.sessions for look in self.looks]
        _require(seen == sorted(seen), "looks are not in the order of their sessions")

    @property
    def split(self) -> str:
        """development, validation or holdout."""
        return self.plan.benchmark.split

    @property
    def order(self) -> str:
        """In which order the arms ran, as far as it is known."""
        return self.imported.order if self.imported else INTERLEAVED

    def timings(self, arm: str) -> list[tuple[float, ...]]:
        """(sessions, rounds) wall seconds of `arm`."""
        return [session.wall_s(arm) for session in self.sessions]


def record_text(record: CellRecord) -> str:
    """The canonical JSON of a record: the very bytes that are stored and whose digest is tagged."""
    return canonical_text(record)


def record_digest(record: CellRecord) -> str:
    """Hex SHA-256 of the canonical JSON of a record."""
    return sha256_text(record_text(record))
