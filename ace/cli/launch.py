"""`python launch.py` and `ace-launch`: Hydra composes a job, ACE measures that cell and records it in MLflow.

The entry of the main path. One job = one cell = one MLflow run; a failing cell is shown at once, the sweep goes on, and
the exit code is 1 in the end.
"""

import os
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.markup import escape

from ace import cell, wiring
from ace.benchmarks.loading import check_benchmark
from ace.cli import interrupted, remaining, sweep
from ace.cli.planning import Outlook, foresee
from ace.cli.progress import CellProgress
from ace.cli.resuming import LeftOut, pass_over
from ace.cli.spending import told
from ace.decide.cell_answer import answer_line, summary_metrics
from ace.decide.recheck import doubts_about
from ace.decide.stopping import stop_rule
from ace.domain.plan import HOLDOUT, CellPlan
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.errors import AceError, MeasurementError, PlanError, StoreError
from ace.holdout import AlreadyMeasured, unseal, write_opening
from ace.measure.code_state import code_state, measured_by
from ace.measure.device import DEVICE
from ace.measure.device_lock import device_alone
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
outlook = Outlook()  # of this process's command, in a dry run
ANEW = wiring.Resuming(resume=False, failed_only=False, dry_run=False, fail_fast=False)


def job(config: DictConfig) -> None:
    """One job, under the name by which launchers find it in other processes: decorated, it could not be pickled.

    Raises AceError, after showing it, when the cell could not be measured completely.
    """
    hydra_config = HydraConfig.get()
    overrides = list(hydra_config.overrides.task)
    place = (
        sweep.Place(hydra_config.sweep.dir, overrides, hydra_config.job.num)
        if hydra_config.mode == RunMode.MULTIRUN
        else None
    )
    try:
        wiring.refuse_shadowed(hydra_config.runtime.config_sources)
        dropped = wiring.drop_foreign_parameters(config, overrides)
        if dropped:
            console.print(f"executor._target_ was overridden: dropped the old executor's {', '.join(dropped)}")
        policy = wiring.policy_of(config)
        if wiring.resuming_of(config).dry_run:
            console.print(_foreseen(config, overrides), markup=False, highlight=False)
            return
        _require_declared(hydra_config)
        if wiring.resuming_of(config).fail_fast and sweep.has_failed():
            line = f"{sweep.job_name(overrides)}: left out: fail_fast=true, and a cell before it failed"
            console.print(line, markup=False, highlight=False)
            sweep.leave_out()
            return
        record = _measured(config, place, policy)
        if record is None:
            return
        if doubts := doubts_about(record, policy):
            console.print(f"unresolved ({'; '.join(doubts)}): measured once more", markup=False, highlight=False)
            record = _measured(config, place, policy, again=True) or record
        if record.failures:
            raise MeasurementError(_failures(record))
    except AceError as error:
        sweep.note_failure(overrides, refused=isinstance(error, PlanError))
        name = escape(sweep.job_name(overrides) or "defaults")  # brackets of a value are no markup
        console.print(f"[red]refused or failed[/red] ({name}): ", end="")
        console.print(str(error), markup=False, highlight=False)
        raise


measure = hydra.main(version_base="1.3", config_path="pkg://ace.conf", config_name="config")(job)


def _measured(config: DictConfig, place: sweep.Place | None, policy: Policy, again: bool = False) -> CellRecord | None:
    """The cell's record, shown in two lines: measured now or before; None for a cell that is left out."""
    try:
        record, spending = measure_cell(config, place, again, wiring.resuming_of(config))
    except AlreadyMeasured as done:
        console.print(f"kept: {done}", markup=False, highlight=False)
        console.print(answer_line(done.record, policy), markup=False, highlight=False)
        sweep.keep(place, done.record, done.run_id, again)
        return done.record
    except LeftOut as left:
        console.print(f"{sweep.job_name(place.overrides if place else []) or 'defaults'}: {left}", markup=False)
        sweep.leave_out()
        return None
    console.print(answer_line(record, policy), markup=False, highlight=False)
    console.print(f"  {told(spending)}", markup=False, highlight=False)
    return record


def _foreseen(config: DictConfig, overrides: list[str]) -> str:
    """What would become of the cell; nothing of it is measured or written."""
    plan, settings = wiring.plan_of(config), wiring.settings_of(config)
    check_model(plan.model)
    check_benchmark(plan.benchmark, plan.model)
    return foresee(plan, overrides, _attempt(plan, None).cell_key, wiring.resuming_of(config), settings, outlook)


def _require_declared(job: HydraConf) -> None:
    """Hydra turns an error in a callback into a warning, and an undeclared sweep could never be complete."""
    if job.mode == RunMode.MULTIRUN and sweep.current is None and job.launcher._target_.endswith("BasicLauncher"):
        raise StoreError("the sweep could not be declared in the store; Hydra's warning above says why")


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
    plan, settings = wiring.plan_of(config), wiring.settings_of(config)
    policy = wiring.policy_of(config)
    check_model(plan.model)
    check_benchmark(plan.benchmark, plan.model)
    store = open_store(settings.tracking_uri, settings.root)
    plan = _unsealed(plan, store, settings, again)
    attempt = _attempt(plan, place)
    if plan.benchmark.split != HOLDOUT:  # what is looked at once has a rule of its own
        pass_over(resuming, attempts_at(store, plan.experiment, attempt.cell_key) if resuming.resume else ())
    folder = make_folder(settings.root / "work", "tracking.root") / attempt.name
    tracker = _tracker(store, plan)

    def summarise(record: CellRecord) -> cell.Summary:
        metrics, provenance = summary_metrics(record, policy)
        return cell.Summary(metrics, provenance, markdown(answer_line(record, policy)))

    with (
        device_alone(DEVICE, f"{plan.shape} of {plan.experiment}", settings.device_wait_s, _say, settings.device_locks),
        CellProgress(console, plan, _title(plan, place), _tail_s(plan, place)) as watcher,
    ):
        since = attempt.started_at
        with _gone_where_refused(folder):
            interrupted.begin(folder, attempt.cell_key, since, this_process())
            refuse_impossible(plan, attempt.code, folder, settings.cache)
        attempt = _continued(attempt, folder, resuming)
        shop = Workshop(folder, settings.cache, os.cpu_count() or 1, LAUNCH)
        rule = stop_rule(plan.protocol, policy)
        record = cell.run_cell(attempt, shop, tracker, summarise, watcher, rule, _opening(plan, settings))
    watcher.spending.within_sessions(record, since)
    shutil.rmtree(folder, ignore_errors=True)  # only now: the record is stored, and holds all of it
    if sweep.current is not None and place is not None:
        measured = remaining.ahead(place.overrides, plan.shape)
        spent = measured and remaining.cost(measured, record)
        sweep.current.done += [spent] if spent and attempt.started_at == since else []  # the pause is no work
        sweep.current.seconds.append(watcher.spending.seconds)
        sweep.current.measured += not again
    return record, watcher.spending.seconds


def _unsealed(plan: CellPlan, store: Store, settings: wiring.Settings, again: bool) -> CellPlan:
    """The plan itself; for a holdout cell the one that its registration allows.  Raises PlanError where none does."""
    if plan.benchmark.split != HOLDOUT:
        return replace(plan, seed=plan.seed + again)
    ledger = ledger_of(settings.root)
    store.experiment_id(plan.experiment, create=True)
    evidence = read_evidence(store, plan.experiment, ledger)
    code = code_state(plan.executor, Path.cwd())
    return unseal(plan, code, model_digests(plan.model), evidence, ledger, time.time(), again)


def _opening(plan: CellPlan, settings: wiring.Settings) -> Callable[[str], None]:
    """Writes into the ledger which run opens a holdout cell; other cells are nobody's secret."""

    def note(run_id: str) -> None:
        if plan.benchmark.split == HOLDOUT:
            write_opening(plan, run_id, ledger_of(settings.root), time.time())

    return note


def _attempt(plan: CellPlan, place: sweep.Place | None) -> cell.Attempt:
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


def _continued(attempt: cell.Attempt, folder: Path, resuming: wiring.Resuming) -> cell.Attempt:
    """The attempt with the sessions that an interrupted one at this cell had finished, begun when that one began.

    A holdout cell is another matter: each of its runs is written into the ledger before it looks.
    """
    here = this_process()
    wanted = resuming.resume and attempt.plan.benchmark.split != HOLDOUT
    before = interrupted.take_over(folder.parent, folder, attempt.cell_key, here) if wanted else None
    if before is not None:
        kept = f"{before.sessions} session(s) of an interrupted attempt are kept; resume=false would measure them anew"
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


def _failures(record: CellRecord) -> str:
    first = record.failures[0]
    where = "the examination before the sessions" if first.session is None else f"session {first.session}"
    return (
        f"{len(record.failures)} failure(s) in {record.plan.shape} {record.split}; {len(record.sessions)} of "
        f"{record.plan.protocol.sessions} sessions are recorded. First, in {where}, stage {first.stage}: "
        f"{first.kind}: {first.detail}"
    )


def _stop(number: int, _: FrameType | None) -> None:
    raise cell.Stopped(signal.Signals(number).name)


def main() -> None:
    """Entry point: exit code 0, or 1 with one line per failed cell, 130 on Ctrl-C, 143 on SIGTERM."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors come to us, and we show them as one line
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # an executor in the user's folder is found by its path, as with python -m
    sys.argv[1:] = [wiring.quoted_null(argument) for argument in sys.argv[1:]]
    try:
        wiring.refuse_password(sys.argv[1:])  # before Hydra, which shows and keeps what was typed
    except PlanError as error:
        sys.exit(f"ace: {error}")
    signal.signal(signal.SIGTERM, _stop)
    status, code = "FAILED", 1
    try:
        measure()
        status, code = "FINISHED", 0
    except AceError:
        pass  # shown when its cell failed
    except (HydraException, OmegaConfBaseException) as error:
        cause = f"\n{error.__cause__}" if error.__cause__ and str(error.__cause__) not in str(error) else ""
        print(f"ace: {error}{cause}", file=sys.stderr)
    except KeyboardInterrupt:
        status, code = "KILLED", 130
    except cell.Stopped:
        status, code = "KILLED", 143
    finally:
        for line in [*sweep.lines(), *(outlook.lines() if outlook.done is not None else [])]:
            console.print(line, markup=False, highlight=False)
        sweep.close(status)
    sys.exit(code)
