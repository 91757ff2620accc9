"""`ace-calibrate [key=value ...]`: null and planted effects of several sizes, measured here, as any cell is.

It tells what this machine can see before anybody believes what it saw. Shapes come as in a sweep (`seq_len=64,128
batch=1`); cells go to the experiment `calibration`, and the summary to a run of its own that `ace-doctor` shows.
Exit 0 when it was measured, 2 with one line on stderr when it could not be.
"""

import argparse
import sys
from collections.abc import Sequence

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ace import wiring
from ace.cli import sweep
from ace.cli.foreign import one_line
from ace.cli.measuring import measure_cell
from ace.cli.own_code import find_own_code
from ace.decide.calibration import calibrate
from ace.domain.calibration import Calibration
from ace.domain.canonical import canonical_json
from ace.domain.record import CellRecord
from ace.domain.serial import encode
from ace.errors import AceError, PlanError
from ace.report.calibration import calibration_lines, calibration_metrics
from ace.tracking.store import open_store
from ace.tracking.writer import Tracker

EXPERIMENT = "calibration"
SHARES = (0.03, 0.1)
AXES = ("seq_len", "batch", "hidden", "depth", "executor")


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(prog="ace-calibrate", description="What can this machine see?")
    made.add_argument(
        "--effects", default=",".join(map(str, SHARES)), help="planted shares of the baseline's time, as 0.03,0.1"
    )
    made.add_argument("overrides", nargs="*", help="shapes and settings such as seq_len=64,128 batch=1 protocol=quick")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    find_own_code()
    options = parser().parse_intermixed_args(arguments)
    try:
        made = run(_shares(options.effects), options.overrides)
    except (AceError, HydraException, OmegaConfBaseException) as error:
        print(f"ace-calibrate: {one_line(wiring.told(error))}", file=sys.stderr)
        sys.exit(2)
    for line in calibration_lines(made):
        print(line)


def run(shares: Sequence[float], overrides: Sequence[str]) -> Calibration:
    """Measure every shape without and with each planted share, then say what was seen and record it."""
    wiring.refuse_renamed(overrides, EXPERIMENT)
    # nothing is claimed, so nothing needs a rival; and outputs are compared, not scored well
    fixed = ["split.examples=100", "inputs.rivals=null", *overrides, f"experiment.name={EXPERIMENT}"]
    executors = [["executor=identity"]] + [
        ["executor=planted", f"executor.share={share}", "executor.arm=baseline"] for share in shares
    ]
    jobs = [[*job, *executor] for job in sweep.expand(fixed) for executor in executors]
    records: list[CellRecord] = []
    for number, job in enumerate(jobs, start=1):
        print(f"{number}/{len(jobs)} {' '.join(part for part in job if part.startswith(AXES))}", flush=True)
        records.append(measure_cell(wiring.compose_config(job), None)[0])
    config = wiring.compose_config(jobs[0])
    made, settings = calibrate(records, wiring.policy_of(config)), wiring.settings_of(config)
    tracker = Tracker(open_store(settings.tracking_uri, settings.root), EXPERIMENT)
    note = "\n".join(f"    {line}" for line in calibration_lines(made))
    tracker.log_calibration(canonical_json(encode(made)), calibration_metrics(made), note)
    return made


def _shares(text: str) -> list[float]:
    try:
        shares = [float(part) for part in text.split(",") if part]
    except ValueError as error:
        raise PlanError(f"--effects={text} is refused; allowed: shares such as 0.03,0.1.") from error
    if not all(0 < share <= 10 for share in shares):
        raise PlanError(f"--effects={text} is refused; allowed: shares above 0, up to 10.")
    return shares
