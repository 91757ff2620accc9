"""What tracking costs a cell: median milliseconds of begin + finish, against the budget of 60 on a quiet machine.

Run as `python -m benchmarks.bench_tracking [cells] [--server]`. The store is a new one in a temporary folder: an SQLite
file, or with `--server` a PostgreSQL and an MLflow server before it that are started for this (Debian's postgresql).
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ace.domain.record import CellRecord
from ace.tracking.reader import read_evidence
from ace.tracking.store import Store, open_store
from ace.tracking.writer import Tracker
from tests.builders import record
from tests.integration.serving import mlflow_server, postgres

BUDGET_MS = 60.0
METRICS = 30


def milliseconds_per_cell(store: Store, made: CellRecord, cells: int) -> tuple[list[float], list[float]]:
    """Milliseconds of every `begin` and of every `finish`."""
    tracker = Tracker(store, "bench")
    summary = {f"group{i % 5}/metric{i}_s": float(i) for i in range(METRICS)}
    provenance = dict.fromkeys(summary, "measured/perf_counter")
    begins, finishes = [], []
    for i in range(cells):
        one = replace(made, attempt=f"attempt-{i}")
        start = time.perf_counter()
        run_id = tracker.begin(
            one.plan, attempt=one.attempt, sweep="sweep", job=f"batch={i}", code=one.code, weights=one.weights,
            cell_key="key", started_at=one.started_at,
        )  # fmt: skip
        middle = time.perf_counter()
        tracker.finish(run_id, one, summary=summary, provenance=provenance, note="a note", status="FINISHED")
        begins.append((middle - start) * 1e3)
        finishes.append((time.perf_counter() - middle) * 1e3)
    return begins, finishes


def print_figures(uri: str | None, folder: Path, cells: int) -> None:
    """Of a new store."""
    start = time.perf_counter()
    store = open_store(uri, folder)
    print(f"first start of a store: {(time.perf_counter() - start) * 1e3:.0f} ms, once")
    begins, finishes = milliseconds_per_cell(store, record(0.05), cells)
    begin, finish = statistics.median(begins), statistics.median(finishes)
    both = statistics.median([b + f for b, f in zip(begins, finishes, strict=True)])
    budget = f"budget {BUDGET_MS:.0f} ms in a file on a quiet machine"
    print(f"tracking: {both:.1f} ms a cell ({budget}; medians of {cells})")
    print(f"of which begin {begin:.1f} ms, finish {finish:.1f} ms")
    start = time.perf_counter()
    read = len(read_evidence(store, "bench").cells)
    print(f"read_evidence: {(time.perf_counter() - start) * 1e3 / read:.1f} ms a cell, {read} cells")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", nargs="?", type=int, default=50)
    parser.add_argument("--server", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not asked.server:
            print_figures(None, folder, asked.cells)
            return
        with postgres() as database, mlflow_server(folder, database) as served:
            os.environ.update(served.environment)
            print_figures(served.uri, folder, asked.cells)


if __name__ == "__main__":
    main()
