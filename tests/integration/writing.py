"""Cells written into a store as one of several processes that write at the same time, and how long each call took.

Run in a process of its own: `python -m tests.integration.writing NUMBER CELLS ROOT [URI]`. It begins when ROOT/go is
there, and prints the seconds of every call that begins a run or finishes one.
"""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from ace.tracking.store import open_store
from ace.tracking.writer import Tracker
from tests import builders

EXPERIMENT = "four_writers"
SUMMARY = {f"speed/metric{i}_s": 0.5 + i for i in range(30)}


def main(number: int, cells: int, root: Path, uri: str | None) -> None:
    tracker = Tracker(open_store(uri, root), EXPERIMENT)
    made = builders.record(sessions=10)
    made = replace(made, plan=replace(made.plan, experiment=EXPERIMENT))
    (root / f"ready-{number}").touch()
    while not (root / "go").exists():
        time.sleep(0.01)
    waited_s = []
    for cell in range(cells):
        record = replace(made, attempt=f"{number}-{cell}")
        start = time.perf_counter()
        run_id = tracker.begin(
            record.plan, attempt=record.attempt, sweep="shared", job=f"batch={number}", code=record.code,
            weights=record.weights, cell_key="key", started_at=record.started_at,
        )  # fmt: skip
        begun = time.perf_counter()
        provenance = dict.fromkeys(SUMMARY, "measured")
        tracker.finish(run_id, record, summary=SUMMARY, provenance=provenance, note="", status="FINISHED")
        waited_s += [begun - start, time.perf_counter() - begun]
    print(json.dumps(waited_s))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), *(sys.argv[4:] or [None]))
