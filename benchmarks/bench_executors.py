"""Prints what the executors cost and save: python -m benchmarks.bench_executors [seq_len x batch ...], or `loading`.

CPU time on one thread, dense (attention through SDPA) and candidate alternating on the same input; the median of paired
ratios. On the default model's architecture with random weights: the time does not depend on what the weights mean. A
threshold is calibrated on the input itself, so that it keeps as many tokens as the others. Wanted at 512x1: pruning by
CLS, keep .5, at least 1.7 times as fast as dense; merging at least 1.9 times.

`loading`: seconds that a fresh worker takes until it has the pretrained model and a batch of documents, the imports
included and left out. Wanted: 1 s at most without imports.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import nn

from ace.domain.plan import ModelSpec
from ace.domain.workload import Batch, Executor
from ace.executors.identity import Identity
from ace.executors.int8_quantization import Int8Quantization
from ace.executors.low_rank import LowRank
from ace.executors.planted import Planted
from ace.executors.random_pruning import RandomPruning
from ace.executors.token_merging import TokenMerging
from ace.executors.token_pruning import TokenPruning
from ace.executors.token_pruning_threshold import TokenPruningThreshold
from ace.executors.truncation import Truncation
from ace.models.loading import load_model

SHAPES = ("16x1", "64x1", "128x1", "256x1", "512x1", "256x4")
SECONDS = 8.0  # a shape and executor
PROCESSES = 7
AT = (0.17, 0.5)
EXECUTORS: dict[str, Callable[[], Executor]] = {
    "identity": Identity,
    "planted .05": lambda: Planted(0.05),
    "cls .7": lambda: TokenPruning(0.7),
    "cls .5": lambda: TokenPruning(0.5),
    "received .5": lambda: TokenPruning(0.5, score="received"),
    "threshold .5": lambda: TokenPruningThreshold(0.5),
    "random .5": lambda: RandomPruning(0.5),
    "cut to cost .5": lambda: Truncation(0.5, AT),
    "merging .5": lambda: TokenMerging(0.5),
    "low rank .25": lambda: LowRank(0.25),
    "low rank .5": lambda: LowRank(0.5),
    "int8 torch.ao": Int8Quantization,
    "int8 torchao": lambda: Int8Quantization("torchao"),
}
LOADING = """
import sys, time
from pathlib import Path
start = time.perf_counter()
import numpy, torch
import ace.measure.worker
from ace.domain.plan import ModelSpec
from ace.measure.inputs import Inputs
from ace.models.loading import load_model
imported = time.perf_counter()
torch.set_num_threads(1)
load_model(ModelSpec("minilm", "ace.models.minilm.load", 384, 6, 12, 512, True, 0))
inputs = Inputs(Path(sys.argv[1]), numpy.random.default_rng(0))
inputs.batch(inputs.draw(4))
print(imported - start, time.perf_counter() - imported)
"""


def ratio(dense: Callable[[], object], candidate: Callable[[], object]) -> tuple[float, float]:
    """Median and standard error of time(dense) / time(candidate), in pairs of either order, after one warm-up each."""
    dense(), candidate()
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


def documents(examples: int, tokens: int) -> Batch:
    """Any words, no padding."""
    ids = torch.randint(1000, 30000, (examples, tokens), generator=torch.Generator().manual_seed(0))
    return Batch(ids, torch.ones_like(ids))


def candidate_of(executor: Executor, model: nn.Module, example: Batch) -> nn.Module:
    """As the harness makes it: calibrated first where the executor can be."""
    if isinstance(executor, TokenPruningThreshold):
        executor.calibrate(model, example)
    made: nn.Module = executor.prepare(model, example)
    return made


def compare(shapes: Sequence[str]) -> None:
    """One line an executor, one column a shape."""
    torch.set_num_threads(1)
    model = load_model(ModelSpec("encoder", "ace.models.random_encoder.load", 384, 6, 12, 512, False, 0))
    print("dense time / candidate time, with its standard error")
    print(f"{'':>15}" + "".join(f"{shape:>17}" for shape in shapes))
    for name, make in EXECUTORS.items():
        print(f"{name:>15}", end="", flush=True)
        for shape in shapes:
            tokens, batch = map(int, shape.split("x"))
            inputs = documents(batch, tokens)

            def call(module: nn.Module, inputs: Batch = inputs) -> Callable[[], object]:
                return lambda: module(inputs.ids, inputs.mask)

            with torch.inference_mode():
                median, error = ratio(call(model), call(candidate_of(make(), model, inputs)))
            print(f"{f'{median:.3f} +- {error:.3f}':>17}", end="", flush=True)
        print()


def loading() -> None:
    """Fresh processes, one after the other: each prints the seconds of its two parts."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = documents(1000, 512)  # as many and as long as a cell has at most
        np.save(Path(folder) / "ids.npy", inputs.ids.numpy())
        np.save(Path(folder) / "mask.npy", inputs.mask.numpy())
        runs = []
        for _ in range(PROCESSES + 1):
            start = time.perf_counter()
            worker = [sys.executable, "-c", LOADING, folder]
            told = subprocess.run(worker, check=True, capture_output=True, text=True).stdout.split()
            runs.append((time.perf_counter() - start, *map(float, told)))
    warm = zip(*runs[1:], strict=True)  # the first reads the files from the disk
    for name, values in zip(("whole process", "imports", "model and data"), warm, strict=True):
        print(f"{name:>15}  median {statistics.median(values):.2f} s, max {max(values):.2f} s")


if __name__ == "__main__":
    if sys.argv[1:] == ["loading"]:
        loading()
    else:
        compare(sys.argv[1:] or SHAPES)
