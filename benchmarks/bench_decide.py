"""How long a decision takes: judging, writing the bundle and verifying it, of 9 cells, of 1000 cells of 10 x 10, and of
48 cells on three splits of 20 x 20.

Run as `python -m benchmarks.bench_decide` from the repository. Targets: 9 cells judged and written well under 2 s
beyond imports, 1000 cells judged in at most 5 s, written in at most 6 s and verified in at most 10 s; the 144 cells
judged and written in at most 10 s; a page at most 3 MB. Seconds of the wall clock, those of the processor in brackets.
The garbage collector rests, as in the commands.
"""

import contextlib
import io
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ace.cli import verify
from ace.cli.resting import collector_resting
from ace.decide import judge
from ace.decide.replay import evidence_of
from ace.domain.plan import SPLITS
from ace.domain.stored import Evidence
from ace.report.bundle import write_bundle
from tests import builders


def grid(cells: int) -> Evidence:
    """An honest map of `cells` development cells with a gain of 13 %, 10 sessions of 10 rounds each."""
    plans = [builders.plan(seq_len=16 + 4 * (i // 10), batch=1 + i % 10, rounds=10) for i in range(cells)]
    return builders.evidence(*(builders.stored(builders.honest(0.122, plan, seed=i)) for i, plan in enumerate(plans)))


def three_splits() -> Evidence:
    """48 cells on development, validation and holdout, 20 sessions of 20 rounds each."""
    shapes = [(16 * n, batch) for n in (1, 2, 4, 6, 8, 12, 16, 32) for batch in (1, 2, 4, 6, 8, 16)]
    plans = [builders.plan(*shape, split, sessions=20, rounds=20) for shape in shapes for split in SPLITS]
    return builders.evidence(*(builders.stored(builders.honest(0.122, plan)) for plan in plans))


def verified(bundle: Path) -> None:
    """As the command does it, from nothing but the files."""
    with contextlib.redirect_stdout(io.StringIO()) as told:
        try:
            verify.main([str(bundle)])
        except SystemExit as ended:
            if ended.code:
                raise RuntimeError(told.getvalue()) from ended


def timed(what: Callable[[], object]) -> str:
    """`1.23 s (1.20)`."""
    wall, processor = time.perf_counter(), time.process_time()
    what()
    return f"{time.perf_counter() - wall:6.2f} s ({time.process_time() - processor:.2f})"


def main() -> None:
    """Print the figures."""
    with collector_resting():
        _print_figures()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, evidence included")


def _print_figures() -> None:
    for evidence in (grid(9), grid(9), three_splits(), grid(1000)):
        cells = len(evidence.cells)
        decisions = []
        judging = timed(lambda: decisions.extend(judge(evidence, builders.near_term())))  # noqa: B023
        [decision] = decisions
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "bundle"
            writing = timed(lambda: write_bundle(decision, evidence_of(decision.claim, evidence), place))  # noqa: B023
            verifying = timed(lambda: verified(place))  # noqa: B023
            page_mb = (place / "report.html").stat().st_size / 1e6
        print(f"{cells:5d} cells: judged in {judging}, bundle written in {writing}, verified in {verifying}, "
              f"page {page_mb:.1f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
