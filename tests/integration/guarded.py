"""A server: token pruning on the default model behind the guard, one shape inside its envelope and one outside.

Run by the slow tests as a program of its own, with an envelope that a decision really wrote: prints what the guard did
with each length, whether the answer was the baseline's to the bit, and how much faster the served model was.
"""

import json
import sys
import time
from collections.abc import Callable
from math import log
from statistics import median
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from ace import wiring
from ace.executors.loading import load_executor
from ace.guard import Envelope, Guard
from ace.models.loading import load_model

INSIDE, OUTSIDE = 64, 128
ROUNDS, WARM_UP = 40, 5


def batch(tokens: int) -> tuple[Tensor, Tensor]:
    """One text without padding: ids and mask, (1, tokens) int64."""
    ids = torch.randint(1000, 20_000, (1, tokens), generator=torch.Generator().manual_seed(tokens))
    return ids, torch.ones_like(ids)


def median_gain(
    baseline: Callable[..., object],
    served: Callable[..., object],
    given: tuple[Tensor, Tensor],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Log of baseline over served; each round in an order and its reverse, so that drift cancels."""
    found = []
    for turn in range(WARM_UP + rounds):
        seconds = [0.0, 0.0]
        first = turn % 2
        for place in (first, 1 - first, 1 - first, first):
            started = clock()
            (baseline, served)[place](*given)
            seconds[place] += clock() - started
        found.append(log(seconds[0] / seconds[1]))
    return median(found[WARM_UP:])


def asked(dense: nn.Module, pruned: nn.Module, envelope: Envelope, rounds: int = ROUNDS) -> dict[str, object]:
    """By length: what the guard decided, and whether the answer is the baseline's; the gain inside."""
    told: dict[str, object] = {}
    with torch.inference_mode():
        for tokens in (INSIDE, OUTSIDE):
            served = Guard(dense, pruned, envelope)
            alike = torch.equal(served(*batch(tokens)), dense(*batch(tokens)))
            told[str(tokens)] = [*served.decisions, alike]
        told["gain"] = median_gain(dense, Guard(dense, pruned, envelope), batch(INSIDE), rounds)
    return told


def main() -> None:
    """The claim's own model and idea, and the envelope in the file that is named."""
    torch.set_num_threads(1)
    plan = wiring.plan_of(wiring.compose_config([f"seq_len={INSIDE}"]))
    dense = load_model(plan.model)
    ids, mask = batch(INSIDE)
    pruned = load_executor(plan.executor).prepare(load_model(plan.model), SimpleNamespace(ids=ids, mask=mask)).eval()
    print(json.dumps(asked(dense, pruned, Envelope.load(sys.argv[1]))))


if __name__ == "__main__":
    main()
