"""Which jobs of a declared sweep have an attempt: one of its own, or an earlier one that the sweep found and kept.

Asked by gate complete, and by `replay` for the part of the evidence that its answer rests on. A cell that was measured
before is named by its run when the sweep passes over it: to remove that run and measure the cell again is then seen.
"""

from collections import defaultdict
from collections.abc import Sequence

from ace.decide import commands
from ace.domain.stored import StoredCell, StoredSweep


def attempted(sweep: StoredSweep, cells: Sequence[StoredCell]) -> frozenset[str]:
    """The planned jobs that an attempt in the store answers for, whatever came of it."""
    own: dict[str | None, list[StoredCell]] = defaultdict(list)
    for cell in cells:
        if cell.sweep == sweep.sweep:
            own[cell.job].append(cell)
    return reused(sweep, cells) | {
        job for job in sweep.planned if any(commands.agrees(cell, job) for cell in own.get(job, ()))
    }


def reused(sweep: StoredSweep, cells: Sequence[StoredCell]) -> frozenset[str]:
    """The jobs whose cell had been measured before, by a run that is still there and denies nothing of the job."""
    runs = {cell.run_id: cell for cell in cells}
    return frozenset(
        job
        for job, run_id in sweep.reused
        if job in sweep.planned and run_id in runs and commands.agrees(runs[run_id], job)
    )
