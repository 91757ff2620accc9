"""Keeping the first tokens: the same counts at the same layers as `token_pruning`, by position alone.

The simplest rival of importance: texts often begin with what they are about (the lead baseline of summarisation,
Nenkova 2005), and an idea that loses no less quality than this one is not needed.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ace.domain.workload import Batch, Work
from ace.executors.dropping import DroppingEncoder, Schedule


class KeepFirst:
    """Keeps the tokens that come first; see `Schedule` for how many and where."""

    def __init__(self, keep_ratio: float = 0.7, prune_at: Sequence[float] = (0.17, 0.5)):
        self.schedule = Schedule(keep_ratio, prune_at)
        self._depth = 0

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """The pruned encoder, on a copy of the model."""
        pruned = KeepEarly(model, self.schedule)
        self._depth = pruned.depth
        return pruned

    def declares(self, example: Batch) -> Work:
        """Tokens left per layer, for the model that was prepared."""
        return self.schedule.work(example.ids.shape[1], self._depth)


class KeepEarly(DroppingEncoder):
    """Importance = how many tokens come after."""

    def importance(self, ids: Tensor, q: Tensor, k: Tensor, bias: Tensor) -> Tensor:  # noqa: ARG002
        """ids (batch, tokens) -> (batch, tokens)."""
        return torch.arange(ids.shape[1], 0, -1, device=ids.device).float().expand(ids.shape)
