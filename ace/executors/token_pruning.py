"""Token pruning by attention: from the CLS query, or received from all queries.

Liang et al. 2022, "Not All Patches Are What You Need" (EViT): after the attention of a few layers, the tokens that
[CLS] attends to least, averaged over heads, are dropped. Attention itself stays fused (SDPA), which returns no
probabilities; only the one row of them that belongs to [CLS] is computed besides.

Goyal et al. 2020, "PoWER-BERT": a token matters as much as the attention that it receives, summed over heads and
queries. That takes the whole matrix, which is materialised at the layers that prune and nowhere else.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import Batch, Work
from ace.executors.dropping import DroppingEncoder, Schedule


class TokenPruning:
    """Keeps the tokens that are attended to most; see `Schedule` for how many and where.

    `score` says by whom: "cls" (EViT) or "received" (PoWER-BERT).
    """

    def __init__(self, keep_ratio: float = 0.7, prune_at: Sequence[float] = (0.17, 0.5), score: str = "cls"):
        require(isinstance(score, str) and score in SCORES, "executor.score", score, ", ".join(SCORES))
        self.schedule = Schedule(keep_ratio, prune_at)
        self.score = score
        self._depth = 0

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """The pruned encoder, on a copy of the model."""
        pruned = KeepAttended(model, self.schedule, self.score)
        self._depth = pruned.depth
        return pruned

    def declares(self, example: Batch) -> Work:
        """Tokens left per layer, for the model that was prepared."""
        return self.schedule.work(example.ids.shape[1], self._depth)

    def sham(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """The cost without the saving: tokens are scored, chosen and copied, and none is dropped."""
        return KeepAttended(model, self.schedule, self.score, drops=False)


class KeepAttended(DroppingEncoder):
    """Importance = attention, by one of SCORES."""

    def __init__(self, encoder: nn.Module, schedule: Schedule, score: str = "cls", drops: bool = True):
        super().__init__(encoder, schedule, drops)
        self.score = score

    def importance(self, ids: Tensor, q: Tensor, k: Tensor, bias: Tensor) -> Tensor:  # noqa: ARG002
        """q, k (batch, heads, tokens, head_dim) -> (batch, tokens)."""
        return SCORES[self.score](q, k, bias)


def cls_attention(q: Tensor, k: Tensor, bias: Tensor) -> Tensor:
    """The first row of the attention matrix, mean over heads: (batch, heads, tokens, head_dim) -> (batch, tokens)."""
    query = q[:, :, :1] * q.shape[-1] ** -0.5
    scores = query @ k.transpose(-1, -2) + bias  # (batch, heads, 1, tokens)
    row: Tensor = scores.softmax(-1).mean(1).squeeze(1)
    return row


def received_attention(q: Tensor, k: Tensor, bias: Tensor) -> Tensor:
    """The columns of the attention matrix, summed over heads and queries, padding's queries left out.

    q, k (batch, heads, tokens, head_dim) -> (batch, tokens).  Head by head: one matrix fits a cache, all seldom do.
    """
    q, bias = q * q.shape[-1] ** -0.5, bias[:, 0]  # bias: (batch, 1, tokens)
    real = (bias == 0).to(q.dtype)  # one row that adds up the queries
    columns = torch.zeros_like(bias)
    for queries, keys in zip(q.unbind(1), k.unbind(1), strict=True):
        columns = columns + real @ torch.baddbmm(bias, queries, keys.transpose(1, 2)).softmax(-1)
    return columns.squeeze(1)


SCORES = {"cls": cls_attention, "received": received_attention}
