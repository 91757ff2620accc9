"""The model as it is, one document at a time: no padding is ever computed.

The rival of every idea that is measured on natural inputs: what a batch loses to padding is not the idea's to gain.
"""

import copy

import torch
from torch import Tensor, nn

from ace.domain.workload import Batch, Work


class Unpadded:
    """Each document of a batch in a call of its own, at its own length."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """A copy of the model behind a loop over documents."""
        return OneByOne(model)

    def declares(self, example: Batch) -> Work:  # noqa: ARG002
        """The same numbers."""
        return Work(equivalent=True)


class OneByOne(nn.Module):
    """ids, mask: (batch, tokens) int64, padding at the end -> what the model returns for each document alone."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = copy.deepcopy(model)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        lengths = mask.sum(1).tolist()
        rows = [self.model(ids[i : i + 1, :n], mask[i : i + 1, :n]) for i, n in enumerate(lengths)]
        return torch.cat(rows)
