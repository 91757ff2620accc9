"""Truncation: shorter input, as any tokenizer can make it.

The rival that needs no idea at all. Unlike `keep_first`, which drops tokens on the way, the encoder never sees what is
cut, and the text still ends in its [SEP].

The fairest rival costs what the idea costs. Cutting by pruning's ratio does not: pruning pays for all tokens at first
and for few in the end (MiniLM, two layers prune: cutting by .7 takes 4 % more FLOPs than pruning by .7, by .3 it takes
15 % fewer). With `prune_at` the input is cut to the length at which the encoder takes as many as with pruning on the
way. What pruning takes to score tokens is left out: by [CLS] next to nothing, by all queries 1 % of a call at 128
tokens and 4 % at 512.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ace.domain.workload import Batch, Work
from ace.errors import PlanError
from ace.executors.dropping import Schedule, layers_of


class Truncation:
    """Cuts n tokens to 1 + ceil(keep_ratio * (n - 1)) before the first layer, for any module that takes (ids, mask).

    With `prune_at`, to as many as cost what pruning by `keep_ratio` at these fractions of the depth costs; see `Cost`.
    """

    def __init__(self, keep_ratio: float = 0.7, prune_at: Sequence[float] | None = None):
        self.at_start = Schedule(keep_ratio, (0.0,))  # refuses a ratio that is none
        self.pruning = None if prune_at is None else Schedule(keep_ratio, prune_at)
        self._cost: Cost | None = None
        self._depth: int | None = None

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """A copy of the model behind the cut.  Raises PlanError when its cost is asked for and cannot be told."""
        self._depth = len(layers_of(model)) or None
        self._cost = None if self.pruning is None else Cost.of(model, self.pruning)
        return Truncated(model, self._cost or self.at_start)

    def declares(self, example: Batch) -> Work:
        """Tokens per layer, for the model that was prepared; nothing when it has no `layers` to count."""
        if self._depth is None:
            return Work()
        return Work(((self._cost or self.at_start).kept(example.ids.shape[1]),) * self._depth)


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiplications of an encoder whose layers are all like its first, and the length at which they are so many.

    A layer that is given n tokens and lets m through projects n of them to queries, keys and values (three quarters of
    its attention's weights), m to the output and through the feed-forward (`later` weights), and attends from m to n:
    projections * n + later * m + 2 * width * m * n.
    """

    schedule: Schedule
    depth: int
    projections: int
    later: int
    width: int

    @classmethod
    def of(cls, model: nn.Module, schedule: Schedule) -> "Cost":
        """Read off the first layer.  Raises PlanError where there is none, or none with these parts."""
        layers = layers_of(model)
        attention = linear_maps(getattr(layers[0], "attention", None)) if layers else []
        feed_forward = linear_maps(getattr(layers[0], "feed_forward", None)) if layers else []
        if not attention or not feed_forward:
            missing = "layers[0].attention and .feed_forward with an nn.Linear inside" if layers else "layers"
            raise PlanError(
                f"executor.prune_at={list(schedule.prune_at)} is refused: what pruning a {type(model).__name__} would "
                f"cost cannot be told, as it has no {missing}; allowed: null, which cuts by executor.keep_ratio alone, "
                "or a model with these parts, such as model=minilm or model=encoder."
            )
        weights = sum(dense.weight.numel() for dense in attention)
        projections = 3 * weights // 4
        later = weights - projections + sum(dense.weight.numel() for dense in feed_forward)
        return cls(schedule, len(layers), projections, later, attention[0].in_features)

    def kept(self, tokens: int) -> int:
        """The number of tokens at which `depth` whole layers cost what pruning costs from `tokens` on, rounded."""
        left = self.schedule.work(tokens, self.depth).tokens_per_layer or ()
        pruned = sum(
            self.projections * n + self.later * m + 2 * self.width * m * n for n, m in pairwise((tokens, *left))
        )
        linear = self.projections + self.later  # and 2 * width * t**2 + linear * t = pruned / depth
        root = math.sqrt(linear**2 + 8 * self.width * pruned / self.depth)
        return round((root - linear) / (4 * self.width))


class Truncated(nn.Module):
    """A copy of an encoder, given shorter inputs.  ids, mask: (batch, tokens) int64 -> what the encoder returns."""

    def __init__(self, encoder: nn.Module, length: Schedule | Cost):
        super().__init__()
        self.encoder: Any
        self.encoder = copy.deepcopy(encoder)
        self.length = length

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        shortened: Tensor = self.encoder(*cut(ids, mask, self.length.kept(ids.shape[1])))
        return shortened


def cut(ids: Tensor, mask: Tensor, left: int) -> tuple[Tensor, Tensor]:
    """The first `left` tokens, the last of them replaced by the example's own last token where that was cut off.

    ids, mask: (batch, tokens) -> (batch, left).  Padding stands at the end; of an example that fits, only padding goes.
    """
    places = torch.arange(left, device=ids.device).repeat(len(ids), 1)  # (batch, left)
    places[:, -1] = (mask.sum(1) - 1).clamp(min=left - 1)  # where [SEP] stands
    return ids.gather(1, places), mask.gather(1, places)


def linear_maps(part: object) -> list[nn.Linear]:
    """Every nn.Linear inside; none where there is no such part."""
    return [found for found in part.modules() if isinstance(found, nn.Linear)] if isinstance(part, nn.Module) else []
