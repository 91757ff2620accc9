"""Which jobs of a declared sweep have an attempt: one of its own, or an earlier one that the sweep found and kept.

Asked by gate complete, which also asks what was measured all the same, and by `replay` for the part of the evidence
that its answer rests on. A cell that was measured before is named by its run when the sweep passes over it: to remove
that run and measure the cell again is then seen.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ace.decide.cells import is_evidence
from ace.decide.jobs import agrees, choices, covers, overrides
from ace.domain.stored import StoredCell, StoredSweep


def attempted(sweep: StoredSweep, cells: Sequence[StoredCell]) -> frozenset[str]:
    """The planned jobs that an attempt in the store answers for, whatever came of it."""
    own: dict[str | None, list[StoredCell]] = defaultdict(list)
    for cell in cells:
        if cell.sweep == sweep.sweep:
            own[cell.job].append(cell)
    return reused(sweep, cells) | {job for job in sweep.planned if any(agrees(cell, job) for cell in own.get(job, ()))}


def reused(sweep: StoredSweep, cells: Sequence[StoredCell]) -> frozenset[str]:
    """The jobs whose cell had been measured before, by a run that is still there and denies nothing of the job."""
    runs, planned = {cell.run_id: cell for cell in cells}, set(sweep.planned)
    return frozenset(
        job for job, run_id in sweep.reused if job in planned and run_id in runs and agrees(runs[run_id], job)
    )


def refused(sweep: StoredSweep, own: Sequence[StoredCell]) -> list[str]:
    """The jobs of the claim with the attempts `own` that could not be run at all, and that none of them stands for.

    What was refused has no plan: a job is the claim's where nothing but its place, split and seed sets it apart from
    one that the claim has an attempt of.
    """
    if not sweep.refused:
        return []
    runs = {cell.run_id for cell in own}
    ran = [cell.job for cell in own if cell.sweep == sweep.sweep and cell.job]
    ran += [job for job, run_id in sweep.reused if run_id in runs]
    chosen = {tuple(sorted(choices(job).items())) for job in ran}
    ours = [job for job in sweep.refused if tuple(sorted(choices(job).items())) in chosen]
    return uncovered(ours, [cell for cell in own if is_evidence(cell)])


def uncovered(jobs: Sequence[str], measured: Iterable[StoredCell]) -> list[str]:
    """The jobs that none of these measurements stands for (`covers`).

    A job that names its length and batch is held against the measurements at that place alone: each job of a large
    sweep against each of its measurements would take hours.
    """
    there: dict[tuple[float, float] | None, list[StoredCell]] = defaultdict(list)
    for cell in measured:
        there[None if cell.plan is None else (cell.plan.shape.seq_len, cell.plan.shape.batch)].append(cell)
    every = [cell for cells in there.values() for cell in cells]
    found = []
    for job in jobs:
        place = _place(job)
        candidates = every if place is None else [*there.get(place, ()), *there.get(None, ())]
        if not any(covers(cell, job) for cell in candidates):
            found.append(job)
    return found


def _place(job: str) -> tuple[float, float] | None:
    """Length and batch, None where the job does not name both as numbers."""
    named = overrides(job)
    try:
        return float(named["seq_len"]), float(named["batch"])
    except (KeyError, ValueError):
        return None
