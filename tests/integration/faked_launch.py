"""`python launch.py` with everything real but the measurement, which is a record made up for the plan.

Run in a process of its own by tests that ask what becomes of cells and not what they measure. FAKE_FAILS names a shape
(`128x1`) whose candidate fails; FAKE_DIES one at which the whole process is gone, as after SIGKILL.
"""

import os
import sys
import time
from dataclasses import replace

from ace.cli import launch, measuring
from ace.errors import MeasurementError
from tests import builders as b

FAILS, DIES = os.environ.get("FAKE_FAILS"), os.environ.get("FAKE_DIES")


def run_cell(attempt, shop, tracker, summarise, watcher, stop=None, begun=None):
    plan = attempt.plan
    run_id = tracker.begin(
        plan, attempt=attempt.name, sweep=attempt.sweep, job=attempt.job, code=attempt.code, weights=attempt.weights,
        cell_key=attempt.cell_key, started_at=attempt.started_at,
    )  # fmt: skip
    if str(plan.shape) == DIES:
        sys.stdout.flush()
        os._exit(9)
    if str(plan.shape) == FAILS:
        tracker.abort(run_id, "FAILED", "MeasurementError: made to fail")
        raise MeasurementError("made to fail")
    now = time.time()
    made = b.honest(0.1, plan, seed=plan.seed)
    sessions = tuple(replace(s, started_at=now + i / 1e3) for i, s in enumerate(made.sessions))
    made = replace(
        made, attempt=attempt.name, code=attempt.code, weights=attempt.weights, sessions=sessions,
        started_at=attempt.started_at, ended_at=now + 40.0,
    )  # fmt: skip
    tracker.finish(run_id, made, summary={}, provenance={}, note="", status="FINISHED")
    return made


if __name__ == "__main__":
    launch.cell.run_cell = run_cell
    measuring.refuse_impossible = lambda *_: None
    launch.doubts_about = lambda *_: ()
    launch.main()
