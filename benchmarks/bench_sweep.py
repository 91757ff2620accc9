"""What a sweep costs beyond measuring: seconds of the processor for each cell, first measured and then kept.

Run as `python -m benchmarks.bench_sweep [cells]`. Everything is real (Hydra, tracking, locks, git) but the measurement,
whose record is made up. The budget is 0.4 s a cell, start excluded, and 20 s for a finished sweep of 100, start and
all. Start is what a sweep of one cell takes.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

BUDGET_S, KEPT_BUDGET_S, KEPT_CELLS = 0.4, 20.0, 100
REPOSITORY = Path(__file__).resolve().parents[1]
BATCHES = 10  # of one length


def processor_s(folder: Path, cells: int, expected: str) -> float:
    """Processor seconds of one command and all its processes, for a sweep of so many cells in `folder`."""
    lengths = range(16, 16 * (1 + -(-cells // BATCHES)), 16)
    axes = [f"seq_len={','.join(map(str, lengths))}", f"batch={','.join(map(str, range(1, min(cells, BATCHES) + 1)))}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.faked_launch", "-m", *axes],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "ACE_DEVICE_LOCKS": str(folder)},
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or (f"{cells} {expected}" not in done.stdout and cells > 1):
        sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Print the figures; exit code 1 beyond a budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", nargs="?", type=int, default=KEPT_CELLS, help=f"a multiple of {BATCHES}")
    cells = parser.parse_args().cells
    with tempfile.TemporaryDirectory() as alone, tempfile.TemporaryDirectory() as place:
        start_s = processor_s(Path(alone), 1, "measured")
        measured_s = processor_s(Path(place), cells, "measured")
        again_s = processor_s(Path(alone), 1, "kept from before")
        kept_s = processor_s(Path(place), cells, "kept from before")
    each_s = (measured_s - start_s) / (cells - 1)
    print(f"recording {cells} cells: {measured_s:.1f} s of the processor, {each_s:.3f} s a cell beyond the first")
    print(f"  and {start_s:.1f} s for a sweep of one, store and all; budget {BUDGET_S} s a cell beyond it")
    print(f"keeping them: {kept_s:.1f} s, {(kept_s - again_s) / (cells - 1):.3f} s a cell and {again_s:.1f} s for one")
    print(f"  budget {KEPT_BUDGET_S:.0f} s for {KEPT_CELLS} cells")
    sys.exit(each_s > BUDGET_S or (cells == KEPT_CELLS and kept_s > KEPT_BUDGET_S))


if __name__ == "__main__":
    main()
