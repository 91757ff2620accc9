"""Token pruning by a threshold on attention received: as many tokens stay as deserve to.

Kim et al. 2022, "Learned Token Pruning for Transformers" (LTP): after the attention of a few layers, a token stays when
the attention that it receives, mean over heads and queries, exceeds that layer's threshold. How many stay differs from
example to example; in a batch, the shorter ones are padded to the longest, which is paid for and masked.

LTP learns its thresholds; nothing is trained here. They are given, or calibrated before the candidate is prepared, on
documents of the development split at the cell's own length: the same in every session, so that all sessions time the
same candidate, and none of those that validation or holdout scores. A mean over queries falls like 1 / tokens, so a
calibrated threshold is right at that length alone (made at 32 tokens it drops nearly all of 512).
`Thresholded.thresholds` are the calibrated ones, to copy.

Which tokens stay is decided here without any code of `dropping`, so that the two can be held against each other.
"""

import copy
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import Batch, Work
from ace.errors import PlanError
from ace.executors.dropping import require_parts

CHUNK_TOKENS = 1024  # calibrated at once: one matrix of probabilities fits a cache


class TokenPruningThreshold:
    """Keeps the tokens whose attention received exceeds threshold_scale * threshold, and [CLS].

    `threshold`: one number for all layers that prune, or one for each entry of `prune_at`; None calibrates them so that
    `keep_ratio` of all tokens of the calibration, [CLS] aside, stays at each layer when threshold_scale is 1. Layers
    are floor(fraction * depth); of fractions that fall on the same layer the first counts.

    Of some documents [CLS] alone may be left: they have nothing that deserves to stay. Of every document it may not.
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
        self.threshold = None if threshold is None else values
        self.threshold_scale = threshold_scale
        self._calibrated: tuple[float, ...] | None = None

    def calibrate(self, model: nn.Module, documents: Batch) -> None:
        """Thresholds for `prepare`, from documents of the development split; a threshold that is given stays.

        Raises PlanError when nothing but [CLS] would be left of every document.
        """
        pruned = Thresholded(model, self.prune_at)
        found = self.threshold or pruned.calibrate(documents, self.keep_ratio)
        pruned.thresholds = self._scaled(found)
        self._require_survivors(pruned, documents)
        self._calibrated = found

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        """The pruned encoder, on a copy of the model.

        Raises PlanError without thresholds; and, where nobody called `calibrate`, when only [CLS] is left of `example`.
        """
        thresholds = self._calibrated or self.threshold
        if thresholds is None:
            raise PlanError(
                "executor.threshold=null needs a calibration, and there was none: the harness calls "
                "calibrate(model, documents) before prepare; call it yourself, or give executor.threshold."
            )
        pruned = Thresholded(model, self.prune_at)
        pruned.thresholds = self._scaled(thresholds)
        if self._calibrated is None:
            self._require_survivors(pruned, example)
        return pruned

    def declares(self, example: Batch) -> Work:  # noqa: ARG002
        """Nothing: how many tokens stay is the text's own matter, and no count below all of them holds for every text.

        What is seen to be saved is still counted (FLOPs at dispatch); only the check against a promise does not apply.
        """
        return Work()

    def _scaled(self, thresholds: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(self.threshold_scale * value for value in thresholds)

    def _require_survivors(self, pruned: "Thresholded", documents: Batch) -> None:
        if not pruned.drops_everything(documents):
            return
        given, tokens, mend = "null", documents.ids.shape[1], "Lower executor.threshold_scale."
        if self.threshold is not None:
            given = str(list(self.threshold))
            mend = "Lower executor.threshold or executor.threshold_scale, or set both to null and 1 to calibrate."
        elif self.threshold_scale <= 1:
            mend = "No threshold tells apart what receives the same: choose executor=token_pruning."
        raise PlanError(
            f"executor.threshold={given} with executor.threshold_scale={self.threshold_scale} is refused: of every "
            f"document [CLS] alone is left; allowed: thresholds that some token exceeds. {tokens} tokens receive "
            f"{1 / tokens:.3g} on average, and {max(pruned.thresholds):.3g} was to be exceeded. {mend}"
        )


class Thresholded(nn.Module):
    """An encoder that drops what gets little attention.  ids, mask: (batch, tokens) int64 -> (batch, hidden) float32.

    `thresholds`: mean attention, one for each entry of `prune_at`; 0 drops what receives none at all.
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
        x, bias = self.encoder.embeddings(ids), self.encoder.attention_bias(mask)
        for index in range(len(self.encoder.layers)):
            x, mask, bias = self.layer(index, x, mask, bias)
        pooled: Tensor = self.encoder.pool(x, mask)
        return pooled

    def layer(self, index: int, x: Tensor, mask: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One layer: x (batch, tokens, hidden), mask (batch, tokens), bias (batch, 1, 1, tokens) -> of those left."""
        layer, keys_bias = self.encoder.layers[index], bias
        q, k, v = layer.attention.project(x)
        if index in self.pruning:
            scores = mean_attention_received(q, k, mask)
            stays = (scores > self.thresholds[self.pruning.index(index)]) & without_cls(mask)
            stays[:, 0] = mask[:, 0] > 0  # [CLS], whatever it receives
            places, mask = packed(stays)
            bias = self.encoder.attention_bias(mask)
            examples = torch.arange(len(x), device=x.device).unsqueeze(1)
            # what is dropped still serves as key and value here: the same as dropping after the attention
            x, q = x[examples, places], q.transpose(1, 2)[examples, places].transpose(1, 2)
        return layer.feed_forward(layer.attention.attend(x, q, k, v, keys_bias)), mask, bias

    @torch.no_grad()
    def calibrate(self, documents: Batch, keep_ratio: float) -> tuple[float, ...]:
        """Find thresholds that let through `keep_ratio` of what the layers before let through, over all documents.

        Layer by layer, a few documents at a time; nothing is computed behind the scores of the last layer that prunes.
        """
        states = [(self.encoder.embeddings(i), m, self.encoder.attention_bias(m)) for i, m in chunks(documents)]
        found, last = [0.0] * len(self.pruning), max(self.pruning)
        for index in range(last + 1):
            if index in self.pruning:
                scores = []
                for x, mask, _ in states:
                    q, k, _ = self.encoder.layers[index].attention.project(x)
                    scores.append(mean_attention_received(q, k, mask)[without_cls(mask)])
                found[self.pruning.index(index)] = separating(torch.cat(scores), keep_ratio)
                self.thresholds = tuple(found)
            if index < last:
                states = [self.layer(index, *state) for state in states]
        return self.thresholds

    @torch.no_grad()
    def drops_everything(self, documents: Batch) -> bool:
        """Whether [CLS] alone is left of every document that has more.  Stops at the first few with a survivor."""
        longer = False
        for ids, mask in chunks(documents):
            state = self.encoder.embeddings(ids), mask, self.encoder.attention_bias(mask)
            for index in range(max(self.pruning) + 1):
                state = self.layer(index, *state)
            if without_cls(state[1]).any():
                return False
            longer = longer or bool(without_cls(mask).any())
        return longer


def chunks(documents: Batch) -> Iterator[tuple[Tensor, Tensor]]:
    """ids and mask of a few documents at a time, the shortest first, each chunk as wide as its longest."""
    ids, mask = documents.ids, documents.mask
    order = mask.sum(1).argsort(stable=True)
    for rows in order.split(max(1, CHUNK_TOKENS // ids.shape[1])):
        longest = int(mask[rows].sum(1).max())
        yield ids[rows, :longest], mask[rows, :longest]


def without_cls(mask: Tensor) -> Tensor:
    """Which tokens are real and not [CLS]: (batch, tokens) int64 -> the same, bool."""
    others = mask.bool()
    others[:, 0] = False
    return others


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
