"""Token merging: similar tokens become one, so that fewer are computed and none is thrown away.

Bolya et al. 2023, "Token Merging: Your ViT But Faster" (ToMe). After the attention of a few layers, bipartite soft
matching: the tokens alternate between two sets A and B; each of A draws an edge to the most similar of B (cosine of the
attention keys, mean over heads); the most similar edges are merged, and a merged token is the mean of all original
tokens in it. Attention is proportional: a token that stands for s others counts s times, softmax(qk/sqrt(d) + log s).

Two things differ from images. Pooling is a mean over tokens here, so it weighs them by size: still the mean over the
original tokens. And merged tokens keep their place in the text, where ToMe writes A before B: in the next matching,
neighbours face each other again, which is what alternating is for.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ace.domain.plan import require
from ace.domain.workload import Batch, Work
from ace.executors.dropping import Schedule, require_parts, take


class TokenMerging:
    """Merges until 1 + ceil(keep_ratio * (n - 1)) of n tokens are left, at each layer of `merge_at`; see `Schedule`."""

    def __init__(self, keep_ratio: float = 0.7, merge_at: Sequence[float] = (0.17, 0.5)):
        self.schedule = Schedule(keep_ratio, merge_at, key="merge_at")
        require(keep_ratio >= 0.5, "executor.keep_ratio", keep_ratio, "0.5 to 1: only set A, half of the tokens of a "
                "layer, can be merged at once; list more layers in executor.merge_at to go lower")
        self._depth = 0

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """The merging encoder, on a copy of the model."""
        merging = MergingEncoder(model, self.schedule)
        self._depth = merging.depth
        return merging

    def declares(self, example: Batch) -> Work:
        """Tokens left per layer, for the model that was prepared."""
        return self.schedule.work(example.ids.shape[1], self._depth)

    def sham(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """The cost without the saving: tokens are matched, and none is merged."""
        return MergingEncoder(model, self.schedule, merges=False)


class MergingEncoder(nn.Module):
    """An encoder that merges tokens on the way.  ids, mask: (batch, tokens) int64 -> (batch, hidden) float32.

    A token's size is the number of original tokens in it, 0 for padding; sizes take the mask's place, so the encoder's
    `pool` must take any weights. With `merges` False it is a sham: the matching is found and not applied.
    """

    def __init__(self, encoder: nn.Module, schedule: Schedule, merges: bool = True):
        super().__init__()
        require_parts(encoder)
        self.encoder: Any
        self.encoder = copy.deepcopy(encoder)
        self.schedule = schedule
        self.depth: int = len(self.encoder.layers)
        self.merging = schedule.layers(self.depth)
        self.merges = merges

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        x = self.encoder.embeddings(ids)
        bias = self.encoder.attention_bias(mask)
        sizes = mask.to(x.dtype)  # (batch, tokens)
        for index, layer in enumerate(self.encoder.layers):
            q, k, v = layer.attention.project(x)
            x = layer.attention.attend(x, q, k, v, bias)
            surplus = x.shape[1] - self.schedule.kept(x.shape[1]) if index in self.merging else 0
            if surplus:
                matching = matched(k.mean(1), sizes, surplus)
                if self.merges:
                    x, sizes = merged(x, sizes, *matching)
                    bias = self.encoder.attention_bias((sizes > 0).long())
                    bias = bias + sizes.clamp(min=1).log()[:, None, None, :]  # proportional attention
            x = layer.feed_forward(x)
        pooled: Tensor = self.encoder.pool(x, sizes)
        return pooled


def matched(metric: Tensor, sizes: Tensor, surplus: int) -> tuple[Tensor, Tensor]:
    """Bipartite soft matching: which tokens go, and into which they are merged.

    metric: (batch, tokens, width), compared by cosine; sizes: (batch, tokens). Returns two (batch, surplus) int64 of
    positions: of the tokens that go, and of their targets. Position 0, [CLS], never goes; ties go by position.

    Padding (size 0) goes first, wherever it stands, and nothing is merged into it: real tokens are merged only where
    an example has more of them than may stay. What padding adds to its nominal target is its size, nothing.
    """
    metric = functional.normalize(metric, dim=-1)
    similarity = metric[:, ::2] @ metric[:, 1::2].transpose(1, 2)  # (batch, A, B)
    padding = sizes == 0
    best, partner = similarity.masked_fill(padding[:, None, 1::2], -torch.inf).max(-1)  # (batch, A): each one's edge
    readiness = torch.full_like(sizes, -torch.inf)  # what of B is real stays
    readiness[:, ::2] = best
    readiness = readiness.masked_fill(padding, torch.inf)
    readiness[:, 0] = -torch.inf
    going = readiness.argsort(dim=1, descending=True, stable=True)[:, :surplus]
    target = torch.zeros_like(sizes, dtype=torch.int64)  # padding of B has no edge: position 0 serves
    target[:, ::2] = 2 * partner + 1
    return going, target.gather(1, going)


def merged(x: Tensor, sizes: Tensor, going: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Size-weighted means of what was matched; the other tokens as they were, all in their old order.

    x: (batch, tokens, hidden), sizes: (batch, tokens) -> the same with `surplus` fewer tokens.
    """
    batch, tokens = sizes.shape
    first = torch.arange(0, batch * tokens, tokens, device=x.device).unsqueeze(1)  # rows count through the whole batch
    source, into = (first + going).flatten(), (first + target).flatten()
    stays = torch.ones_like(sizes).scatter_(1, going, 0.0)
    rows = first + stays.argsort(dim=1, descending=True, stable=True)[:, : tokens - going.shape[1]]  # (batch, kept)

    sums, totals = (x * sizes.unsqueeze(-1)).flatten(0, 1), sizes.flatten()
    sums = sums.index_add_(0, into, sums.index_select(0, source)).view(x.shape)
    totals = totals.index_add(0, into, totals.index_select(0, source)).view(sizes.shape)
    totals = take(totals, rows)
    return take(sums, rows) / totals.clamp(min=1).unsqueeze(-1), totals
