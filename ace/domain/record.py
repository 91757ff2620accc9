"""All evidence of one cell, as it is stored: sessions, failures, quality, witness, environment.

Made by `ace.measure`, written and read by `ace.tracking`, judged by `ace.decide`. Raw timings are kept for ever;
nothing here is a conclusion.
"""

from dataclasses import dataclass, field

from ace.domain.canonical import sha256_text
from ace.domain.energy import SessionEnergy, SourceChoice
from ace.domain.isolated import Isolated
from ace.domain.plan import FIXED, CellPlan
from ace.domain.probes import Probes
from ace.domain.quality import Further, Quality, Slices
from ace.domain.quality import require_valid as _require
from ace.domain.serial import LATER, canonical_text

SCHEMA_VERSION = 4
Digests = tuple[tuple[str, str], ...]
"""(name, sha256) of files."""
BASELINE, NULL, CANDIDATE = "baseline", "null", "candidate"
INTERLEAVED = "interleaved"
ORDERS = (INTERLEAVED, "alternating", "blocked", "unknown")
"""In which order the arms ran; ACE itself interleaves them in mirrored blocks."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds per call of one arm, one entry a round.  Wall clock and process CPU time of the same calls, and the CUDA
    board's own clock around them; None where the arms run on none."""

    arm: str
    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]
    device_s: tuple[float, ...] | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        _require(len(self.wall_s) == len(self.cpu_s), f"{self.arm}: wall and CPU timings differ in number")
        of_board = len(self.wall_s) if self.device_s is None else len(self.device_s)
        _require(of_board == len(self.wall_s), f"{self.arm}: wall and device timings differ in number")
        _require(all(t > 0 for t in self.wall_s), f"{self.arm}: a wall time is not positive")


@dataclass(frozen=True, slots=True)
class ArmState:
    """What measurement saw of one arm: the things that must be equal unless declared (gate parity).

    `threads_least`, `threads_most`: of the readings before and after each of its timings. `cuda_graphs`: replayed in
    one call; None where the arms run on no CUDA board.
    """

    arm: str
    dtypes: tuple[str, ...]
    parameters: int
    threads_before: int
    threads_after: int
    threads_least: int
    threads_most: int
    attention_backends: tuple[str, ...]
    cuda_graphs: int | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Witness:
    """Work seen by measurement's own hooks in an untimed call; None where the hooks saw no such layer.

    `tokens_per_layer`: fewest tokens of one example that any linear map of layer i was given.
    `flops_by_dtype`: of one call, counted at dispatch, by the number type that is multiplied in; None where the counter
    could not follow the arm or met work that it has no formula for. `least_bytes`: what one call must move at the least
    (weights and inputs read once each, the output written); None where the counter could not follow the arm.
    `full_token_share`: of the FLOPs of linear maps, the part done over as many rows as the batch has tokens, seen at
    dispatch whatever the modules are called; None where the counter could not follow the arm.
    """

    arm: str
    tokens_per_layer: tuple[int, ...] | None
    flops_by_dtype: tuple[tuple[str, int], ...] | None
    least_bytes: int | None
    full_token_share: float | None = None

    def __post_init__(self) -> None:
        counts = (self.least_bytes or 0, *(flops for _, flops in self.flops_by_dtype or ()))
        _require(all(count >= 0 for count in counts), f"{self.arm}: negative work")

    @property
    def flops(self) -> int | None:
        """Of one call, in all number types."""
        return None if self.flops_by_dtype is None else sum(flops for _, flops in self.flops_by_dtype)


@dataclass(frozen=True, slots=True)
class OutputCheck:
    """An output kept from a randomly chosen timed call, against two later ones.

    Errors are max |difference| / max |reference|: against the same arm recomputed untimed in the same process, and
    against the embedding that was scored for quality in another process (None where none was scored).
    """

    arm: str
    round: int
    recomputed_error: float
    scored_error: float | None

    def __post_init__(self) -> None:
        _require(self.recomputed_error >= 0 and (self.scored_error or 0.0) >= 0, f"{self.arm}: a negative error")


def is_board(device: str) -> bool:
    """Whether `device`, in torch's words, is one of CUDA's."""
    return device.partition(":")[0] == "cuda"


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a session ran."""

    host: str
    boot_id: str
    cpu_model: str
    cores: int
    kernel: str
    device: str
    threads: int
    interop_threads: int
    clock_resolution_s: float
    load_average: float | None
    versions: tuple[tuple[str, str], ...]
    variables: tuple[tuple[str, str], ...]

    @property
    def on_board(self) -> bool:
        """Whether the arms ran on a CUDA board."""
        return is_board(self.device)


@dataclass(frozen=True, slots=True)
class Session:
    """One fresh process: loads once, warms the arms, times them in mirrored blocks.

    `order[r]` lists the arms as they were timed in round r; `inputs[r]` the indices of the documents they all got.
    `timed_s`: sum of all timed calls; `measuring_s`: wall time from the first timed round to the last.
    `declared_tokens_per_layer`: what the executor says is left, None when it declares nothing. `declared_changes`: what
    it says differs from the baseline (ace.domain.workload.CHANGES); `declared_equivalent`: whether it says that the
    numbers are the baseline's. `prepare_s`: wall time of the executor's prepare, with what it calibrates before.
    `rivals_failed`: rivals that were not timed, and why.
    `new_dependencies`: distributions beyond ACE's own that were imported since the candidate's code was. `probes`: what
    was looked at beside the timed rounds. `energy_checks`: an output of each arm's energy window, kept from a call by
    chance (`round` counts them); None where nobody looked.
    """

    index: int
    seed: int
    started_at: float
    ready_s: float
    measuring_s: float
    timed_s: float
    calls_per_timing: int
    warmup: tuple[Timings, ...]
    timings: tuple[Timings, ...]
    order: tuple[tuple[str, ...], ...]
    inputs: tuple[tuple[int, ...], ...]
    inputs_digest: str
    arms: tuple[ArmState, ...]
    witness: tuple[Witness, ...]
    declared_tokens_per_layer: tuple[int, ...] | None
    declared_changes: tuple[str, ...]
    declared_equivalent: bool
    rivals_failed: tuple[tuple[str, str], ...]
    checks: tuple[OutputCheck, ...]
    baseline_digest: str
    prepare_s: float
    new_dependencies: tuple[str, ...]
    peak_rss_bytes: int
    probes: Probes
    environment: Environment
    energy: SessionEnergy | None = None
    energy_checks: tuple[OutputCheck, ...] | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        rounds = {len(t.wall_s) for t in self.timings} | {len(self.order), len(self.inputs)}
        _require(len(rounds) == 1, f"session {self.index}: timings, order and inputs differ in number: {rounds}")
        names = sorted(t.arm for t in self.timings)
        _require(len(set(names)) == len(names), f"session {self.index}: an arm twice")
        _require(all(sorted(row) == names for row in self.order), f"session {self.index}: order does not name the arms")

    def wall_s(self, arm: str) -> tuple[float, ...]:
        """Wall seconds per call of `arm`, round by round.  Raises KeyError when the arm was not measured."""
        for timings in self.timings:
            if timings.arm == arm:
                return timings.wall_s
        raise KeyError(arm)

    def seen(self, arm: str) -> Witness | None:
        """What was seen of the work of `arm`; None where nobody looked."""
        for witness in self.witness:  # not a generator: a map of a thousand cells asks a hundred thousand times
            if witness.arm == arm:
                return witness
        return None


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
