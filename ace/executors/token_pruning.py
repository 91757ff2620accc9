"""Token pruning by attention from the CLS query.

Liang et al. 2022, "Not All Patches Are What You Need" (EViT): after the attention of a few layers, the tokens that
[CLS] attends to least, averaged over heads, are dropped. Attention itself stays fused (SDPA), which returns no
probabilities; only the one row of them that belongs to [CLS] is computed besides.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from ace.domain.workload import Batch, Work
from ace.executors.dropping import DroppingEncoder, Schedule


class TokenPruning:
    """Keeps the tokens that [CLS] attends to most; see `Schedule` for how many and where."""

    def __init__(self, keep_ratio: float = 0.7, prune_at: Sequence[float] = (0.17, 0.5)):
        self.schedule = Schedule(keep_ratio, prune_at)
        self._depth = 0

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """The pruned encoder, on a copy of the model."""
        pruned = KeepAttended(model, self.schedule)
        self._depth = pruned.depth
        return pruned

    def declares(self, example: Batch) -> Work:
        """Tokens left per layer, for the model that was prepared."""
        return self.schedule.work(example.ids.shape[1], self._depth)


class KeepAttended(DroppingEncoder):
    """Importance = softmax attention of the CLS query, mean over heads."""

    def importance(self, ids: Tensor, q: Tensor, k: Tensor, bias: Tensor) -> Tensor:  # noqa: ARG002
        """q, k (batch, heads, tokens, head_dim) -> (batch, tokens)."""
        return cls_attention(q, k, bias)


def cls_attention(q: Tensor, k: Tensor, bias: Tensor) -> Tensor:
    """The first row of the attention matrix, mean over heads: (batch, heads, tokens, head_dim) -> (batch, tokens)."""
    query = q[:, :, :1] * q.shape[-1] ** -0.5
    scores = query @ k.transpose(-1, -2) + bias  # (batch, heads, 1, tokens)
    row: Tensor = scores.softmax(-1).mean(1).squeeze(1)
    return row
