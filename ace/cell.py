"""The story of one cell: declare the attempt, observe it, record it. Whatever happens, the attempt is in the store."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ace.domain.canonical import digest
from ace.domain.plan import CellPlan
from ace.domain.record import CellRecord, CodeState, Digests
from ace.measure.observe import StopRule, observe
from ace.measure.watching import Watcher
from ace.measure.workshop import Workshop
from ace.tracking.writer import Tracker


@dataclass(frozen=True, slots=True)
class Summary:
    """What the UI shows of a record: metrics by `group/name_unit`, where each comes from, and a note for people."""

    metrics: Mapping[str, float]
    provenance: Mapping[str, str]
    note: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one cell. `sweep` and `job` name the declared grid it belongs to, None outside a multirun.

    `measured_by`: digests and versions of all sources that could make it another measurement.
    """

    name: str
    plan: CellPlan
    code: CodeState
    weights: Digests
    sweep: str | None
    job: str | None
    started_at: float
    measured_by: Digests

    @property
    def cell_key(self) -> str:
        """The same cell measured by the same sources on the same weights has the same key, whatever git says of it."""
        return digest((self.plan.digest, self.measured_by, self.weights))


class Stopped(BaseException):
    """Someone asked this process to end (SIGTERM); a BaseException, so that nothing on the way treats it as a fault."""


def run_cell(
    attempt: Attempt,
    shop: Workshop,
    tracker: Tracker,
    summarise: Callable[[CellRecord], Summary],
    watcher: Watcher,
    stop: StopRule | None = None,
    begun: Callable[[str], None] | None = None,
) -> CellRecord:
    """Measure and record one cell.

    The attempt is recorded before it runs; `begun` is told its run before any document is read. An interrupted one is
    KILLED, one that measured nothing FAILED; what its sessions measured stays in the attempt's folder either way.
    """
    run_id = tracker.begin(
        attempt.plan,
        attempt=attempt.name,
        sweep=attempt.sweep,
        job=attempt.job,
        code=attempt.code,
        weights=attempt.weights,
        cell_key=attempt.cell_key,
        started_at=attempt.started_at,
    )
    try:
        if begun is not None:
            begun(run_id)
        record = observe(attempt.plan, attempt.name, attempt.code, attempt.weights, shop, watcher, stop)
        summary = summarise(record)
        tracker.finish(
            run_id,
            record,
            summary=summary.metrics,
            provenance=summary.provenance,
            note=summary.note,
            status="FINISHED" if record.sessions else "FAILED",
        )
    except (KeyboardInterrupt, SystemExit, Stopped):
        tracker.abort(run_id, "KILLED", traceback.format_exc())
        raise
    except Exception:
        tracker.abort(run_id, "FAILED", traceback.format_exc())
        raise
    return record
