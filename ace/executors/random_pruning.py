"""Pruning by chance: the same counts at the same layers as `token_pruning`, with nothing known about the tokens.

The rival that gives importance its meaning: an idea that loses no less quality than chance has no idea.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import Batch, Work
from ace.executors.dropping import DroppingEncoder, Schedule

PRIME = 2**31 - 1
GENERATOR = 48271  # Park & Miller 1988 with the multiplier of 1993


class RandomPruning:
    """Keeps tokens drawn from the seed and the example's own ids, so that any output can be recomputed."""

    def __init__(self, keep_ratio: float = 0.7, prune_at: Sequence[float] = (0.17, 0.5), seed: int = 0):
        require(type(seed) is int and seed >= 0, "executor.seed", seed, "a whole number, 0 or more")
        self.schedule = Schedule(keep_ratio, prune_at)
        self.seed = seed
        self._depth = 0

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """The pruned encoder, on a copy of the model."""
        pruned = KeepDrawn(model, self.schedule, self.seed)
        self._depth = pruned.depth
        return pruned

    def declares(self, example: Batch) -> Work:
        """Tokens left per layer, for the model that was prepared."""
        return self.schedule.work(example.ids.shape[1], self._depth)


class KeepDrawn(DroppingEncoder):
    """Importance = pseudo-random number of (seed, all ids of the example, position)."""

    def __init__(self, encoder: nn.Module, schedule: Schedule, seed: int):
        super().__init__(encoder, schedule)
        self.step = pow(GENERATOR, seed + 1, PRIME)

    def importance(self, ids: Tensor, q: Tensor, k: Tensor, bias: Tensor) -> Tensor:  # noqa: ARG002
        """ids (batch, tokens) -> (batch, tokens)."""
        return drawn(ids, self.step)


def drawn(ids: Tensor, step: int) -> Tensor:
    """Pseudo-random numbers in [0, 2**31), the same for the same ids: (batch, tokens) -> (batch, tokens) float64.

    The fifth power permutes the numbers modulo this prime, and scrambles what starts as an arithmetic progression.
    """
    places = torch.arange(1, ids.shape[1] + 1, device=ids.device) * step % PRIME  # (tokens,)
    example = ((ids + 1) * places % PRIME).sum(1, keepdim=True)  # (batch, 1), one number for all the text
    start = (example + places) % PRIME
    fourth = (start * start % PRIME) ** 2 % PRIME
    return (fourth * start % PRIME).double()
