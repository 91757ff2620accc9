"""What probes cost and whether timed calls feel them: `python -m benchmarks.bench_probes [seq_len] [batch] [sessions]`.

Sessions of an unchanged candidate on the default model, in fresh processes, with probes and without in turn. Prints the
A/A gain of either kind and their difference (within .2 %), and how much longer a session takes, from the start of its
process to its end (at most 15 %; of a whole cell it is less, because scoring and memory have no probes).
"""

import math
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, median, stdev

import numpy as np

from ace.domain.session import BASELINE, CANDIDATE, Session
from ace.measure import processes
from ace.measure.messages import Task
from ace.measure.workshop import Workshop
from ace.stats import student
from ace.wiring import compose_config, plan_of

WITH, WITHOUT = processes.WORKER, "benchmarks.unprobed"


class Words:
    """Any documents without padding.  (n, seq) int64."""

    def __init__(self, seq_len: int) -> None:
        self.ids = np.random.default_rng(0).integers(1000, 30000, (256, seq_len))
        self.mask = np.ones_like(self.ids)


def gain(session: Session) -> float:
    """Log of baseline over candidate, the median of rounds."""
    pairs = zip(session.wall_s(BASELINE), session.wall_s(CANDIDATE), strict=True)
    return median(math.log(base / candidate) for base, candidate in pairs)


def interval(values: list[float]) -> tuple[float, float]:
    """Mean and half of its 95 % interval (Student)."""
    return fmean(values), student.quantile(len(values) - 1, 0.975) * stdev(values) / math.sqrt(len(values))


def main(seq_len: int, batch: int, sessions: int) -> None:
    """Measure in pairs of either order, and print."""
    plan = plan_of(compose_config([f"seq_len={seq_len}", f"batch={batch}", "executor=identity", "inputs.rivals=null"]))
    gains: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    lasted_s: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(Path(folder) / "attempt", Path(folder) / "cache", 1, "bench")
        shop.lay_out(Words(seq_len), None)
        for index in range(sessions):
            for kind in (WITH, WITHOUT) if index % 2 else (WITHOUT, WITH):
                processes.WORKER = kind
                start = time.perf_counter()
                answer = shop.run(Task.SESSION, plan, time.time(), index)
                if answer.session is None:
                    raise SystemExit(f"no session: {answer}")
                lasted_s[kind].append(time.perf_counter() - start)
                gains[kind].append(gain(answer.session))
    print(f"{plan.shape}, {sessions} sessions of either kind")
    for kind, name in ((WITH, "with probes"), (WITHOUT, "without")):
        mean, half = interval(gains[kind])
        print(f"{name:>12}  A/A gain {mean:+.2%} +- {half:.2%}, a session {fmean(lasted_s[kind]):.2f} s")
    mean, half = interval([a - b for a, b in zip(gains[WITH], gains[WITHOUT], strict=True)])
    print(f"{'difference':>12}  {mean:+.2%} +- {half:.2%} (within .2 %)")
    mean, half = interval([math.log(a / b) for a, b in zip(lasted_s[WITH], lasted_s[WITHOUT], strict=True)])
    print(f"{'longer':>12}  {math.expm1(mean):+.1%} +- {half:.1%} (at most 15 %)")


if __name__ == "__main__":
    main(*(int(value) for value in sys.argv[1:4] or ("64", "1", "24")))
