"""Token pruning by a threshold on attention received: as many tokens stay as deserve to.

Kim et al. 2022, "Learned Token Pruning for Transformers" (LTP): after the attention of a few layers, a token stays when
the attention that it receives, mean over heads and queries, exceeds that layer's threshold. How many stay differs from
example to example; in a batch, the shorter ones are padded to the longest, which is paid for and masked.

LTP learns its thresholds; nothing is trained here. They are given, or calibrated when the candidate is prepared, on the
example that `prepare` is handed: the session's own inputs, at their length. A mean over queries falls like 1 / tokens,
so a calibrated threshold is right at that length alone (made at 32 tokens it drops nearly all of 512), and sessions
that are handed other examples get slightly other thresholds: other candidates. What is to be the same everywhere, such
as a registered claim, gives `threshold`; `Thresholded.thresholds` are the calibrated ones to copy.

Which tokens stay is decided here without any code of `dropping`, so that the two can be held against each other.
"""

import copy
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import Batch, Work
from ace.executors.dropping import require_parts


class TokenPruningThreshold:
    """Keeps the tokens whose attention received exceeds threshold_scale * threshold, and [CLS].

    `threshold`: one number for all layers that prune, or one for each entry of `prune_at`; None calibrates them so that
    `keep_ratio` of the example's tokens, [CLS] aside, stays at each layer when threshold_scale is 1. Layers are
    floor(fraction * depth); of fractions that fall on the same layer the first counts.
    """

    def __init__(
        self,
        keep_ratio: float = 0.7,
        prune_at: Sequence[float] = (0.17, 0.5),
        threshold: float | Sequence[float] | None = None,
        threshold_scale: float = 1.0,
    ):
        require(_within(keep_ratio, 0, 1) and keep_ratio > 0, "executor.keep_ratio", keep_ratio,
                "a number above 0, up to 1")
        fine = isinstance(prune_at, Sequence) and all(_within(at, 0, 1) and at < 1 for at in prune_at)
        require(fine and len(prune_at) > 0, "executor.prune_at", prune_at,
                "a list of fractions of the depth, each from 0 up to but not including 1")
        values: tuple[Any, ...] = tuple(threshold) if isinstance(threshold, Sequence) else (threshold,) * len(prune_at)
        fine = len(values) == len(prune_at) and all(_within(value, 0, 1) for value in values)
        require(fine or threshold is None, "executor.threshold", threshold,
                "null to calibrate, or mean attention from 0 to 1: a number, or one for each entry of prune_at")
        require(_within(threshold_scale, 0, sys.float_info.max), "executor.threshold_scale", threshold_scale,
                "a number, 0 (nothing is dropped) or more")
        self.keep_ratio = keep_ratio
        self.prune_at = tuple(prune_at)
        self.thresholds: tuple[float, ...] | None = None if threshold is None else values
        self.threshold_scale = threshold_scale

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        """The pruned encoder, on a copy of the model; calibrated on `example` unless thresholds are given."""
        pruned = Thresholded(model, self.prune_at)
        thresholds = self.thresholds or pruned.calibrated(example, self.keep_ratio)
        pruned.thresholds = tuple(self.threshold_scale * value for value in thresholds)
        return pruned

    def declares(self, example: Batch) -> Work:  # noqa: ARG002
        """Nothing: how many tokens stay is the text's own matter, and no count below all of them holds for every text.

        What is seen to be saved is still counted (FLOPs at dispatch); only the check against a promise does not apply.
        """
        return Work()


class Thresholded(nn.Module):
    """An encoder that drops what gets little attention.  ids, mask: (batch, tokens) int64 -> (batch, hidden) float32.

    `thresholds`: mean attention, one for each layer of `pruning`, in its order; 0 drops what receives none at all.
    """

    def __init__(self, encoder: nn.Module, prune_at: Sequence[float]):
        super().__init__()
        require_parts(encoder)
        self.encoder: Any
        self.encoder = copy.deepcopy(encoder)
        depth = len(self.encoder.layers)
        self.pruning = tuple(math.floor(fraction * depth) for fraction in prune_at)
        self.thresholds = (0.0,) * len(prune_at)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        return self._run(ids, mask, lambda entry, *_: self.thresholds[entry])

    def calibrated(self, example: Batch, keep_ratio: float) -> tuple[float, ...]:
        """Thresholds that let through `keep_ratio` of what the layers before let through; the same for all examples."""
        found = [0.0] * len(self.pruning)

        def separate(entry: int, scores: Tensor, others: Tensor) -> float:
            found[entry] = separating(scores[others], keep_ratio)
            return found[entry]

        with torch.no_grad():
            self._run(example.ids, example.mask, separate)
        return tuple(found)

    def _run(self, ids: Tensor, mask: Tensor, threshold: Callable[[int, Tensor, Tensor], float]) -> Tensor:
        """Forward; `threshold` is asked with an entry of `pruning`, the scores, and which are real and not [CLS]."""
        bias = self.encoder.attention_bias(mask)
        x = self.encoder.embeddings(ids)
        for index, layer in enumerate(self.encoder.layers):
            q, k, v = layer.attention.project(x)
            keys_bias = bias
            if index in self.pruning:
                scores = mean_attention_received(q, k, mask)
                others = mask.bool()
                others[:, 0] = False
                stays = (scores > threshold(self.pruning.index(index), scores, others)) & others
                stays[:, 0] = mask[:, 0] > 0  # [CLS], whatever it receives
                places, mask = packed(stays)
                bias = self.encoder.attention_bias(mask)
                examples = torch.arange(len(x), device=x.device).unsqueeze(1)
                # what is dropped still serves as key and value here: the same as dropping after the attention
                x, q = x[examples, places], q.transpose(1, 2)[examples, places].transpose(1, 2)
            x = layer.feed_forward(layer.attention.attend(x, q, k, v, keys_bias))
        pooled: Tensor = self.encoder.pool(x, mask)
        return pooled


def mean_attention_received(q: Tensor, k: Tensor, mask: Tensor) -> Tensor:
    """Mean over heads and over real queries: q, k (batch, heads, tokens, head_dim), mask (batch, tokens) -> the same.

    Head by head: one matrix of probabilities fits a cache and a twelfth of the memory.
    """
    hidden = (mask == 0).unsqueeze(1)  # (batch, 1, tokens), as keys
    weights = (mask / mask.sum(1, keepdim=True).clamp(min=1)).to(q.dtype).unsqueeze(1)  # (batch, 1, tokens), as queries
    lowest = torch.finfo(q.dtype).min
    received = torch.zeros_like(weights)
    for queries, keys in zip(q.unbind(1), k.unbind(1), strict=True):
        scores = queries @ keys.transpose(1, 2) * q.shape[-1] ** -0.5  # (batch, tokens, tokens)
        received = received + weights @ scores.masked_fill_(hidden, lowest).softmax(-1)
    return received.squeeze(1) / q.shape[1]


def separating(scores: Tensor, keep_ratio: float) -> float:
    """Midway between the last score that is to stay and the first that is not; none is 0.  scores: (any,)"""
    ranked = torch.cat([scores.double().sort(descending=True).values, scores.new_zeros(1, dtype=torch.float64)])
    staying = max(1, math.ceil(keep_ratio * len(scores) - 1e-9))  # .1 * 30 is 3.0000000000000004
    return float(ranked[staying - 1 : staying + 1].mean())


def packed(stays: Tensor) -> tuple[Tensor, Tensor]:
    """Where the tokens that stay stand, first to last, and the mask of what is padded to the batch's most.

    stays: (batch, tokens) bool -> two (batch, most) int64.
    """
    left = stays.sum(1, keepdim=True)  # (batch, 1)
    most = max(1, int(left.max()))  # the host waits for this number: the price of counts that vary
    places = (~stays).to(torch.uint8).argsort(dim=1, stable=True)[:, :most]
    return places, (torch.arange(most, device=stays.device) < left).long()


def _within(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
