"""Prints what the executors cost and save: python benchmarks/bench_executors.py [seq_len x batch ...].

CPU time on one thread, dense and candidate alternating on the same input; the median of paired ratios. On the
default model's architecture with random weights: the time of pruning does not depend on what the weights mean.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import nn

from ace.domain.plan import ModelSpec
from ace.domain.workload import Batch
from ace.executors.identity import Identity
from ace.executors.planted import Planted
from ace.executors.random_pruning import RandomPruning
from ace.executors.token_pruning import TokenPruning
from ace.models.loading import load_model

SHAPES = ("16x1", "64x1", "128x1", "256x1", "512x1", "256x4")
SECONDS = 8.0  # a shape and executor


def ratio(dense: Callable[[], object], candidate: Callable[[], object]) -> tuple[float, float]:
    """Median and standard error of time(dense) / time(candidate), in pairs of either order."""
    ratios: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(ratios) < 8 or time.perf_counter() < end:
        first, second = (dense, candidate) if len(ratios) % 2 else (candidate, dense)
        times = {first: seconds(first), second: seconds(second)}
        ratios.append(times[dense] / times[candidate])
    return statistics.median(ratios), 1.25 * statistics.stdev(ratios) / len(ratios) ** 0.5


def seconds(call: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def main(shapes: tuple[str, ...]) -> None:
    """One line a shape."""
    torch.set_num_threads(1)
    model = load_model(ModelSpec("encoder", "ace.models.random_encoder.load", 384, 6, 12, 512, False, 0))
    executors = {
        "identity": Identity(),
        "planted .05": Planted(0.05),
        "cls .7": TokenPruning(0.7),
        "cls .5": TokenPruning(0.5),
        "random .5": RandomPruning(0.5),
    }
    print("dense time / candidate time, with its standard error")
    print(f"{'shape':>8}" + "".join(f"{name:>18}" for name in executors))
    for shape in shapes:
        tokens, batch = map(int, shape.split("x"))
        ids = torch.randint(1000, 30000, (batch, tokens), generator=torch.Generator().manual_seed(0))
        mask = torch.ones_like(ids)

        def call(module: nn.Module, ids: torch.Tensor = ids, mask: torch.Tensor = mask) -> Callable[[], object]:
            return lambda: module(ids, mask)

        line = f"{shape:>8}"
        with torch.inference_mode():
            for executor in executors.values():
                candidate = executor.prepare(model, Batch(ids, mask))
                median, error = ratio(call(model), call(candidate))
                line += f"{f'{median:.3f} +- {error:.3f}':>18}"
        print(line, flush=True)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or SHAPES)
