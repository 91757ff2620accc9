"""`python launch.py` and `ace-launch`: Hydra composes a job, ACE measures that cell and records it in MLflow.

The entry of the main path. One job = one cell = one MLflow run; a failing cell is shown at once, the sweep goes on, and
the exit code is 1 in the end.
"""

import os
import signal
import sys
from types import FrameType

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.markup import escape

from ace import cell, wiring
from ace.benchmarks.loading import check_benchmark
from ace.cli import sweep
from ace.cli.engines import gave_up
from ace.cli.measuring import attempt_at, console, measure_cell
from ace.cli.own_code import as_given_here, find_own_code
from ace.cli.planning import Outlook, foresee
from ace.cli.resuming import LeftOut
from ace.cli.spending import told
from ace.decide.cell_answer import answer_line
from ace.decide.recheck import doubts_about
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.errors import AceError, MeasurementError, PlanError, StoreError
from ace.holdout import AlreadyMeasured
from ace.models.loading import check_model

outlook = Outlook()  # of this process's command, in a dry run


def job(config: DictConfig) -> None:
    """One job, under the name by which launchers find it in other processes: decorated, it could not be pickled.

    Where the cell could not be measured completely, that is shown; outside a declared sweep the AceError is raised.
    """
    hydra_config = HydraConfig.get()
    overrides = list(hydra_config.overrides.task)
    place = (
        sweep.Place(hydra_config.sweep.dir, overrides, hydra_config.job.num)
        if hydra_config.mode == RunMode.MULTIRUN
        else None
    )
    with sweep.job_at(place):
        try:
            _carry_out(config, hydra_config, place)
        except AceError as error:
            sweep.note_failure(str(error), refused=isinstance(error, PlanError))
            name = escape(sweep.job_name(overrides) or "defaults")  # brackets of a value are no markup
            console.print(f"[red]refused or failed[/red] ({name}): ", end="")
            console.print(as_given_here(str(error)), markup=False, highlight=False)
            if not sweep.declared(place):  # a sweep goes on, batch after batch, and knows by its notes how it ends
                raise


measure = hydra.main(version_base="1.3", config_path="pkg://ace.conf", config_name="config")(job)


def _carry_out(config: DictConfig, hydra_config: HydraConf, place: sweep.Place | None) -> None:
    """Do what the job asks: foresee, leave out, or measure, and once more where that leaves the cell in doubt."""
    overrides = list(hydra_config.overrides.task)
    wiring.refuse_shadowed(hydra_config.runtime.config_sources)
    dropped = wiring.drop_foreign_parameters(config, overrides)
    if dropped:
        console.print(f"executor._target_ was overridden: dropped the old executor's {', '.join(dropped)}")
    policy, resuming = wiring.policy_of(config), wiring.resuming_of(config)
    if resuming.dry_run:
        console.print(_foreseen(config, overrides, resuming), markup=False, highlight=False)
        return
    _require_declared(place)
    if resuming.fail_fast and sweep.has_failed(place):
        line = f"{sweep.job_name(overrides)}: left out: fail_fast=true, and a cell before it failed"
        console.print(line, markup=False, highlight=False)
        sweep.leave_out()
        return
    record = _measured(config, place, policy, resuming)
    if record is None:
        return
    if doubts := doubts_about(record, policy):
        console.print(f"unresolved ({'; '.join(doubts)}): measured once more", markup=False, highlight=False)
        record = _measured(config, place, policy, resuming, again=True) or record
    if record.failures:
        raise MeasurementError(_failures(record))


def _measured(
    config: DictConfig, place: sweep.Place | None, policy: Policy, resuming: wiring.Resuming, again: bool = False
) -> CellRecord | None:
    """The cell's record, shown in two lines: measured now or before; None for a cell that is left out."""
    try:
        record, spending = measure_cell(config, place, again, resuming)
    except AlreadyMeasured as done:
        console.print(f"kept: {done}", markup=False, highlight=False)
        console.print(answer_line(done.record, policy), markup=False, highlight=False)
        sweep.keep(place, done.record, done.run_id, again)
        return done.record
    except LeftOut as left:
        console.print(f"{sweep.job_name(place.overrides if place else []) or 'defaults'}: {left}", markup=False)
        sweep.leave_out()
        return None
    console.print(as_given_here(answer_line(record, policy)), markup=False, highlight=False)
    console.print(f"  {told(spending)}", markup=False, highlight=False)
    return record


def _foreseen(config: DictConfig, overrides: list[str], resuming: wiring.Resuming) -> str:
    """What would become of the cell; nothing of it is measured or written."""
    plan, settings = wiring.plan_of(config), wiring.settings_of(config)
    check_model(plan.model)
    check_benchmark(plan.benchmark, plan.model)
    return foresee(attempt_at(plan, None), overrides, resuming, settings, outlook)


def _require_declared(place: sweep.Place | None) -> None:
    """Hydra turns an error in a callback into a warning, and an undeclared sweep could never be complete."""
    if place is not None and not sweep.declared(place):
        raise StoreError(
            "the sweep could not be declared in the store; Hydra's warning above says why. "
            f"Where another process shows no warning, {sweep.NAME} did not reach its environment"
        )


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
    os.environ.pop(sweep.NAME, None)  # a command that a job of a sweep started is no job of it
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors come to us, and we show them as one line
    find_own_code()
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
        said = wiring.told(error)
        why = str(error.__cause__ or "") if said == str(error) else ""
        print(f"ace: {said}" + (f"\n{why}" if why not in said else ""), file=sys.stderr)
    except Exception as error:
        if (line := gave_up(error)) is None:
            raise
        print(f"ace: {line}", file=sys.stderr)
    except KeyboardInterrupt:
        status, code = "KILLED", 130
    except cell.Stopped:
        status, code = "KILLED", 143
    finally:
        sweep.gather()
        if code == 0 and sweep.has_failed():
            status, code = "FAILED", 1
        for line in [*sweep.lines(), *(outlook.lines() if outlook.done is not None else [])]:
            console.print(line, markup=False, highlight=False)
        sweep.close(status)
    sys.exit(code)
