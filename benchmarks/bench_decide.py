"""How long a decision takes: judging and writing the bundle of 9 cells, and judging 1000 cells of 10 x 10.

Run as `python -m benchmarks.bench_decide` from the repository. Targets: 9 cells judged and written well under 2 s
beyond imports, 1000 cells judged in at most 20 s.
"""

import resource
import tempfile
import time
from pathlib import Path

from ace.decide import judge, records_of
from ace.domain.stored import Evidence
from ace.report.bundle import write_bundle
from tests import builders


def grid(cells: int) -> Evidence:
    """An honest map of `cells` development cells with a gain of 13 %, 10 sessions of 10 rounds each."""
    plans = [builders.plan(seq_len=16 + 4 * (i // 10), batch=1 + i % 10, rounds=10) for i in range(cells)]
    return builders.evidence(*(builders.stored(builders.honest(0.122, plan, seed=i)) for i, plan in enumerate(plans)))


def timed(evidence: Evidence) -> tuple[float, float]:
    """Seconds to judge, seconds to write."""
    start = time.perf_counter()
    [decision] = judge(evidence, builders.near_term())
    judged = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(decision, records_of(decision, evidence), Path(folder) / "bundle")
    return judged - start, time.perf_counter() - judged


def main() -> None:
    """Print the figures."""
    for cells in (9, 9, 1000):
        judging_s, writing_s = timed(grid(cells))
        print(f"{cells:5d} cells: judged in {judging_s:6.2f} s, bundle written in {writing_s:6.2f} s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, evidence included")


if __name__ == "__main__":
    main()
