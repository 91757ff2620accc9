"""What the tracking store hands to judgement: attempts, each with its record or the reason why there is none.

`ace.tracking.reader` makes these and `ace.decide` reads nothing else, so that every verdict can be judged again.
"""

from dataclasses import dataclass

from ace.domain.plan import CellPlan
from ace.domain.record import CellRecord
from ace.domain.registration import AnyLook, HoldoutLook, HoldoutOpening, Registration, UnlistedLook
from ace.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class StoredCell:
    """One attempt at one cell, as the store holds it.

    `status`: RUNNING, FINISHED, FAILED or KILLED. `record` is None with `problem` saying why (never written, digest
    mismatch, unreadable). `record_digest` is the sha256 recomputed from the artifact's bytes, `tagged_digest` the one
    written with the run. `sweep` and `job` say which declared grid it belongs to and which of its jobs it was, such as
    `batch=1,seq_len=64` (None outside a multirun). `plan` comes from the run's own plan artifact, so that an attempt
    that died is still counted. `baseline` is the snapshot that was kept with it, None with `baseline_problem` saying
    why where one cannot be believed.
    """

    run_id: str
    status: str
    started_at: float
    sweep: str | None
    job: str | None
    plan: CellPlan | None
    record: CellRecord | None
    problem: str | None
    record_digest: str | None
    tagged_digest: str | None
    baseline: Snapshot | None = None
    baseline_problem: str | None = None


@dataclass(frozen=True, slots=True)
class StoredSweep:
    """A declared grid: what a multirun said it would measure before it began.

    `status` as for a cell; `planned` lists its jobs in the form of `StoredCell.job`, `refused` those of them that could
    not be run at all (an impossible value) and therefore have no attempt. `reused`: (job, run) of cells that had been
    measured before and were kept as they are.
    """

    run_id: str
    sweep: str
    status: str
    started_at: float
    planned: tuple[str, ...]
    refused: tuple[str, ...] = ()
    reused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StoredRegistration:
    """A registration as the store holds it; None with `problem` saying why it cannot be believed."""

    run_id: str
    registration: Registration | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the store holds for one experiment. `registrations`: oldest first. `looks`, `openings`: the whole ledger
    of holdout looks, of all experiments, with `ledger_problem` where it cannot be believed. `unlisted`: looks that runs
    of any experiment name and that the ledger does not hold. `tried`: plans of other settings of an idea whose attempts
    were left out."""

    experiment: str
    cells: tuple[StoredCell, ...]
    sweeps: tuple[StoredSweep, ...]
    registrations: tuple[StoredRegistration, ...] = ()
    looks: tuple[HoldoutLook, ...] = ()
    ledger_problem: str | None = None
    openings: tuple[HoldoutOpening, ...] = ()
    unlisted: tuple[UnlistedLook, ...] = ()
    tried: tuple[CellPlan, ...] = ()

    @property
    def all_looks(self) -> tuple[AnyLook, ...]:
        """Whoever made them, from wherever."""
        return (*self.looks, *self.unlisted)
