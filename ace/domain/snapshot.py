"""A measured baseline by itself: how long the unchanged model took, where, and by which record.

Kept with every cell as an object of its own that is named by its content, so that later cells of the same fingerprint
can be held against it. A snapshot is never the arm that a candidate is compared with: that is always measured anew.
"""

from dataclasses import dataclass
from statistics import median

from ace.domain.canonical import digest
from ace.domain.plan import ModelSpec, Shape
from ace.domain.quality import require_valid
from ace.domain.record import CellRecord, Digests
from ace.domain.serial import encode
from ace.domain.session import BASELINE


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What must be equal before two baselines can be expected to take the same time."""

    host: str
    cpu_model: str
    device: str
    threads: int
    versions: tuple[tuple[str, str], ...]
    model: ModelSpec
    weights: Digests
    shape: Shape
    inputs: str
    package: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`seconds`: the median per call of each session, in their order. `record`: digest of where they come from."""

    fingerprint: Fingerprint
    seconds: tuple[float, ...]
    record: str
    measured_at: float

    def __post_init__(self) -> None:
        require_valid(bool(self.seconds) and all(s > 0 for s in self.seconds), "a snapshot needs positive seconds")

    @property
    def digest(self) -> str:
        """The name that it is kept under."""
        return digest(encode(self))


def snapshot_of(record: CellRecord, digest_of_record: str) -> Snapshot | None:
    """The baseline of a cell; None where none was timed, or where planted compute makes it something else."""
    timed = [t.wall_s for session in record.sessions for t in session.timings if t.arm == BASELINE and t.wall_s]
    if not timed or len(timed) < len(record.sessions) or record.planted is not None:
        return None
    plan, place = record.plan, record.sessions[0].environment
    return Snapshot(
        fingerprint=Fingerprint(
            host=place.host,
            cpu_model=place.cpu_model,
            device=place.device,
            threads=place.threads,
            versions=place.versions,
            model=plan.model,
            weights=record.weights,
            shape=plan.shape,
            inputs=plan.benchmark.inputs,
            package=record.code.package_digest,
        ),
        seconds=tuple(median(wall_s) for wall_s in timed),
        record=digest_of_record,
        measured_at=record.started_at,
    )
