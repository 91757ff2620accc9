"""One cell of a command: what must be true before it is measured, the cell's own story, what is noted of it after.

Called by `launch` for each job, and by `ace-calibrate` for each of its cells. `ace.cell` measures and records; here is
what only a command knows: the configuration, the sweep that the job belongs to, and other processes of this host.
"""

import os
import platform
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from ace import cell, wiring
from ace.benchmarks.loading import check_benchmark
from ace.cli import interrupted, remaining, sweep
from ace.cli.progress import CellProgress
from ace.cli.resuming import pass_over
from ace.cli.since import why_anew
from ace.decide.cell_answer import answer_line, summary_metrics
from ace.decide.stopping import stop_rule
from ace.domain.plan import HOLDOUT, CellPlan
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.domain.stored import StoredCell
from ace.errors import AceError
from ace.holdout import Here, unseal, write_opening
from ace.measure.code_state import code_state, measured_by
from ace.measure.device import DEVICE
from ace.measure.device_lock import device_alone
from ace.measure.environment import library_versions, settings_here
from ace.measure.preflight import refuse_impossible
from ace.measure.workshop import Workshop, make_folder
from ace.models.loading import check_model, model_digests
from ace.report.wording import markdown
from ace.tracking.attempts import attempts_at
from ace.tracking.ledger import ledger_of
from ace.tracking.process import this_process
from ace.tracking.reader import read_evidence
from ace.tracking.reconcile import reconcile
from ace.tracking.store import Store, open_store
from ace.tracking.writer import Tracker

LAUNCH = uuid.uuid4().hex  # names this process
console = Console(stderr=False, soft_wrap=True)
ANEW = wiring.Resuming(resume=False, failed_only=False, dry_run=False, fail_fast=False)


def measure_cell(
    config: DictConfig,
    place: sweep.Place | None,
    again: bool = False,
    resuming: wiring.Resuming = ANEW,
) -> tuple[CellRecord, Mapping[str, float]]:
    """Refuse what cannot run, then measure and record the cell; `again`: on documents drawn by another seed.

    The second answer is where the time went: seconds by step. Raises AlreadyMeasured or LeftOut for a cell that
    `resuming` passes over.
    """
    asked, settings = wiring.plan_of(config), wiring.settings_of(config)
    policy = wiring.policy_of(config)
    check_model(asked.model)
    check_benchmark(asked.benchmark, asked.model)
    store = open_store(settings.tracking_uri, settings.root)

    resumable = resuming.resume and asked.benchmark.split != HOLDOUT  # what is looked at once has a rule of its own

    def wanted() -> tuple[cell.Attempt, Sequence[StoredCell]]:
        attempt = attempt_at(_unsealed(asked, store, settings, again), place)
        found = attempts_at(store, asked.experiment, attempt.cell_key) if resumable else ()
        if resumable:
            pass_over(resuming, found, attempt)
        return attempt, found

    first, before = wanted()  # nobody stands in line for a cell that is there
    if resumable and (why := why_anew(store, before, first)):
        _say(f"{asked.shape} {asked.benchmark.split}: {why}")
    tracker = _tracker(store, asked)
    what = f"{asked.shape} of {asked.experiment}"
    with device_alone(DEVICE, what, settings.device_wait_s, _say, settings.device_locks):
        # while this one stood in line, another process may have measured the cell, or somebody changed the sources
        attempt, _ = wanted()
        return _carried_out(attempt, settings, policy, tracker, place, resuming)


def _carried_out(
    attempt: cell.Attempt,
    settings: wiring.Settings,
    policy: Policy,
    tracker: Tracker,
    place: sweep.Place | None,
    resuming: wiring.Resuming,
) -> tuple[CellRecord, Mapping[str, float]]:
    """The attempt made, by whoever has the device to himself."""
    plan, since = attempt.plan, attempt.started_at
    folder = make_folder(settings.root / "work", "tracking.root") / attempt.name

    def summarise(record: CellRecord) -> cell.Summary:
        metrics, provenance = summary_metrics(record, policy)
        return cell.Summary(metrics, provenance, markdown(answer_line(record, policy)))

    with CellProgress(console, plan, _title(plan, place), _tail_s(plan, place)) as watcher:
        with _gone_where_refused(folder):
            interrupted.begin(folder, attempt.cell_key, since, this_process())
            refuse_impossible(plan, attempt.code, folder, settings.cache)
        attempt = continued(attempt, folder, resuming)
        shop = Workshop(folder, settings.cache, os.cpu_count() or 1, LAUNCH)
        rule = stop_rule(plan.protocol, policy)
        record = cell.run_cell(attempt, shop, tracker, summarise, watcher, rule, _opening(plan, settings))
    watcher.spending.within_sessions(record, since)
    shutil.rmtree(folder, ignore_errors=True)  # only now: the record is stored, and holds all of it
    sweep.note_measured(place, record, watcher.spending.seconds, paused=attempt.started_at != since)
    return record, watcher.spending.seconds


def _unsealed(plan: CellPlan, store: Store, settings: wiring.Settings, again: bool) -> CellPlan:
    """The plan itself; for a holdout cell the one that its registration allows.  Raises PlanError where none does."""
    if plan.benchmark.split != HOLDOUT:
        return replace(plan, seed=plan.seed + again)
    ledger = ledger_of(settings.root)
    store.experiment_id(plan.experiment, create=True)
    evidence = read_evidence(store, plan.experiment, ledger)
    code = code_state(plan.executor, Path.cwd())
    here = Here(platform.node(), library_versions(), settings_here())
    return unseal(plan, code, model_digests(plan.model), here, evidence, ledger, time.time(), again)


def _opening(plan: CellPlan, settings: wiring.Settings) -> Callable[[str], None]:
    """Writes into the ledger which run opens a holdout cell; other cells are nobody's secret."""

    def note(run_id: str) -> None:
        if plan.benchmark.split == HOLDOUT:
            write_opening(plan, run_id, ledger_of(settings.root), time.time())

    return note


def attempt_at(plan: CellPlan, place: sweep.Place | None) -> cell.Attempt:
    """One try at a cell, by the sources and weights that there are now."""
    code = code_state(plan.executor, Path.cwd())
    return cell.Attempt(
        name=f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}",
        plan=plan,
        code=code,
        weights=model_digests(plan.model),
        sweep=place.sweep if place else None,
        job=place.job if place else None,
        started_at=time.time(),
        measured_by=measured_by(plan, code),
    )


def _tracker(store: Store, plan: CellPlan) -> Tracker:
    tracker = Tracker(store, plan.experiment)
    for closed in reconcile(store, plan.experiment, this_process()):
        console.print(f"run {closed.run_id} was left running and is now KILLED: {closed.because}", markup=False)
    return tracker


def continued(attempt: cell.Attempt, folder: Path, resuming: wiring.Resuming) -> cell.Attempt:
    """The attempt with the sessions that an interrupted one at this cell had finished, begun when that one began.

    On the holdout whatever `resuming` says: its plan names its look and its seed, so these are the very sessions that
    the registration foresaw, and beginning anew would be a way to be rid of those that somebody may have looked at.
    Going on is written into the ledger as one more opening, and the run that was interrupted stays in the store.
    """
    here = this_process()
    sealed = attempt.plan.benchmark.split == HOLDOUT
    wanted = resuming.resume or sealed
    before = interrupted.take_over(folder.parent, folder, attempt.cell_key, here) if wanted else None
    if before is not None:
        anew = "a sealed cell is not begun anew" if sealed else "resume=false would measure them anew"
        kept = f"{before.sessions} session(s) of an interrupted attempt are kept; {anew}"
        console.print(kept, markup=False, highlight=False)
        attempt = replace(attempt, started_at=before.started_at)
        interrupted.begin(folder, attempt.cell_key, attempt.started_at, here)
    return attempt


@contextmanager
def _gone_where_refused(folder: Path) -> Iterator[None]:
    try:
        yield
    except AceError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _title(plan: CellPlan, place: sweep.Place | None) -> str:
    number = f"cell {place.number + 1}/{len(sweep.current.planned)} " if place and sweep.current else ""
    return f"{number}{plan.shape} {plan.benchmark.split} {plan.executor.short_name}"


def _tail_s(plan: CellPlan, place: sweep.Place | None) -> float | None:
    """Seconds that the cells after this one will take, from the cells already done."""
    if place is None or sweep.current is None:
        return None
    jobs = [remaining.ahead(job, plan.shape) for job in sweep.current.planned[place.number + 1 :]]
    return remaining.expected_s([job for job in jobs if job is not None], sweep.current.done)


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False)
