"""Truncation: shorter input, as any tokenizer can make it.

The rival that needs no idea at all. Unlike `keep_first`, which drops tokens on the way, the encoder never sees what is
cut, and the text still ends in its [SEP].
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ace.domain.workload import Batch, Work
from ace.executors.dropping import Schedule


class Truncation:
    """Cuts n tokens to 1 + ceil(keep_ratio * (n - 1)) before the first layer, for any module that takes (ids, mask)."""

    def __init__(self, keep_ratio: float = 0.7):
        kept(1, keep_ratio)  # refuses a ratio that is none
        self.keep_ratio = keep_ratio
        self._depth: int | None = None

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """A copy of the model behind the cut."""
        shortened = Truncated(model, self.keep_ratio)
        self._depth = shortened.depth
        return shortened

    def declares(self, example: Batch) -> Work:
        """Tokens per layer, for the model that was prepared; nothing when it has no `layers` to count."""
        if self._depth is None:
            return Work()
        return Work((kept(example.ids.shape[1], self.keep_ratio),) * self._depth)


class Truncated(nn.Module):
    """A copy of an encoder, given shorter inputs.  ids, mask: (batch, tokens) int64 -> what the encoder returns."""

    def __init__(self, encoder: nn.Module, keep_ratio: float):
        super().__init__()
        self.encoder: Any
        self.encoder = copy.deepcopy(encoder)
        self.keep_ratio = keep_ratio
        self.depth: int | None = len(self.encoder.layers) if hasattr(encoder, "layers") else None

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        shortened: Tensor = self.encoder(*cut(ids, mask, kept(ids.shape[1], self.keep_ratio)))
        return shortened


def kept(tokens: int, keep_ratio: float) -> int:
    """How many of `tokens` are left: as many as pruning at layer 0 would leave."""
    return Schedule(keep_ratio, (0.0,)).kept(tokens)


def cut(ids: Tensor, mask: Tensor, left: int) -> tuple[Tensor, Tensor]:
    """The first `left` tokens, the last of them replaced by the example's own last token where that was cut off.

    ids, mask: (batch, tokens) -> (batch, left).  Padding stands at the end; of an example that fits, only padding goes.
    """
    places = torch.arange(left, device=ids.device).repeat(len(ids), 1)  # (batch, left)
    places[:, -1] = (mask.sum(1) - 1).clamp(min=left - 1)  # where [SEP] stands
    return ids.gather(1, places), mask.gather(1, places)
