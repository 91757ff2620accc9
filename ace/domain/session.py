"""One session as it is stored: every timing, the state of each arm, what was seen of its work, and where it ran.

A worker of `ace.measure` makes it and its parent keeps it in the cell's record (`ace.domain.record`). Raw timings are
kept for ever; nothing here is a conclusion.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ace.domain.energy import SessionEnergy
from ace.domain.probes import Probes
from ace.domain.quality import require_valid as _require
from ace.domain.serial import LATER

BASELINE, NULL, CANDIDATE = "baseline", "null", "candidate"


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


THREAD_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Which ACE sets for every session, by its `threads`."""
COMPILE_THREADS = "TORCHINDUCTOR_COMPILE_THREADS"  # so it does this one, to 1
COSTLESS = (
    *THREAD_COUNTS, COMPILE_THREADS,
    "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",
)  # fmt: skip
"""Variables by which two sessions may differ and be alike: those that ACE sets itself, two that
scikit-learn sets when it is imported, and two that say which board of several it was."""


def settings_in(variables: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Those of the variables of a process by which two sessions are not alike."""
    return tuple((name, value) for name, value in variables if name not in COSTLESS)


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
    def settings(self) -> tuple[tuple[str, str], ...]:
        """Variables that somebody set and that change what the same code costs (ATEN_CPU_CAPABILITY, LD_PRELOAD)."""
        return settings_in(self.variables)

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
