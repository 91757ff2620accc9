"""The model as it is, documents of like length together: the usual remedy against padding.

Khomenko et al. 2016, "Accelerating recurrent neural network training using sequence bucketing". A batch is split by
length and each part is padded to its own longest document, so that parts stay large enough to be worth a call.
"""

import copy

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import Batch, Work


class LengthBucketed:
    """Documents whose lengths fall in the same `bucket_tokens` share a call."""

    def __init__(self, bucket_tokens: int = 32):
        fine = isinstance(bucket_tokens, int) and not isinstance(bucket_tokens, bool) and bucket_tokens >= 1
        require(fine, "executor.bucket_tokens", bucket_tokens, "a whole number of tokens, 1 or more")
        self.bucket_tokens = bucket_tokens

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """A copy of the model behind the sorting."""
        return ByLength(model, self.bucket_tokens)

    def declares(self, example: Batch) -> Work:  # noqa: ARG002
        """The same numbers."""
        return Work(equivalent=True)


class ByLength(nn.Module):
    """ids, mask: (batch, tokens) int64, padding at the end -> what the model returns, in the order given."""

    def __init__(self, model: nn.Module, bucket_tokens: int):
        super().__init__()
        self.model = copy.deepcopy(model)
        self.bucket_tokens = bucket_tokens

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        lengths = mask.sum(1)
        buckets = torch.div(lengths - 1, self.bucket_tokens, rounding_mode="floor")
        parts, places = [], []
        for bucket in sorted(set(buckets.tolist())):
            rows = (buckets == bucket).nonzero().squeeze(1)
            longest = int(lengths[rows].max())
            parts.append(self.model(ids[rows, :longest], mask[rows, :longest]))
            places.append(rows)
        return torch.cat(parts)[torch.cat(places).argsort()]
