"""A store of many recorded cells whose measurements are made up, to time the reading and judging of large sweeps on.

Run as `python -m benchmarks.recorded FOLDER CELLS` from the repository. The cells are written by the tracker as a sweep
writes them, declared beforehand, one at a time.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ace.domain.plan import CellPlan
from ace.tracking.store import Store, open_store
from ace.tracking.writer import Tracker
from tests import builders

EXPERIMENT = "token_pruning"
"""The one that the plans of the builders name."""
SWEEP, GAIN = "recorded", 0.122
BATCHES = 100  # of one length; the 10 000 cells then stay within the 512 positions of the model
SUMMARY = {"speed/gain_log": GAIN, "latency/candidate_s": 0.01}


def plans(cells: int) -> Iterator[CellPlan]:
    """Development cells of 10 sessions with 10 rounds each, no shape twice."""
    for i in range(cells):
        yield builders.plan(seq_len=16 + 4 * (i // BATCHES), batch=1 + i % BATCHES, rounds=10)


def fill(root: Path, cells: int) -> Store:
    """The store under `root` with one finished sweep of so many cells."""
    store = open_store(None, root)
    tracker = Tracker(store, EXPERIMENT)
    jobs = [f"batch={plan.shape.batch},seq_len={plan.shape.seq_len}" for plan in plans(cells)]
    sweep = tracker.declare_sweep(SWEEP, jobs)
    for i, (plan, job) in enumerate(zip(plans(cells), jobs, strict=True)):
        made = replace(builders.honest(GAIN, plan, seed=i), attempt=f"attempt-{i}")
        run_id = tracker.begin(
            plan, attempt=made.attempt, sweep=SWEEP, job=job, code=made.code, weights=made.weights,
            cell_key=f"key-{i}", started_at=made.started_at + 60.0 * i,
        )  # fmt: skip
        provenance = dict.fromkeys(SUMMARY, "measured/perf_counter")
        tracker.finish(run_id, made, summary=SUMMARY, provenance=provenance, note="", status="FINISHED")
    tracker.end_sweep(sweep, "FINISHED", ())
    return store


def main() -> None:
    """Make one and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("cells", type=int)
    asked = parser.parse_args()
    start, processor = time.perf_counter(), time.process_time()
    fill(asked.folder, asked.cells)
    wall, used = time.perf_counter() - start, time.process_time() - processor
    print(f"{asked.cells} cells recorded in {wall:.0f} s ({used:.0f} s of the processor)")


if __name__ == "__main__":
    main()
