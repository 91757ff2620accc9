"""How fast the statistics are: `python -m benchmarks.bench_stats` prints milliseconds beside their budgets."""

import time
from collections.abc import Callable

import numpy as np

from ace.stats import compare, compare_cells
from tests.calibration.noise import MACHINES, draw

REPEATS = 20


def best_ms(call: Callable[[], object], repeats: int) -> float:
    """The fastest of several runs: what the code costs when nothing else runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


def main() -> None:
    """Print one line per budget."""
    rng = np.random.default_rng(0)
    machine = MACHINES["bad day"]
    for shape, budget in (((10, 10), 2), ((20, 200), 10)):
        b, c = draw(machine, 0.02, 1, *shape, rng)
        pair = b[0], c[0]
        print(f"compare {shape[0]}x{shape[1]}: {best_ms(lambda p=pair: compare(*p), REPEATS):.2f} ms (<= {budget})")
    b, c = draw(machine, 0.02, 1000, 10, 10, rng)
    cells = list(zip(b, c, strict=True))
    print(f"compare_cells, 1000 cells of 10x10: {best_ms(lambda: compare_cells(cells), 3):.0f} ms (<= 2000)")


if __name__ == "__main__":
    main()
