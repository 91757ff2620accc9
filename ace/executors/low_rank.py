"""Low-rank feed-forward: each of its two matrices becomes the product of two thin ones.

Eckart & Young 1936: no matrix of rank r is nearer to W than its truncated singular value decomposition. Denton et al.
2014 made layers of trained networks cheaper that way. Nothing is trained afterwards: what is lost is lost.

W (out x in) costs out * in multiplications per token, its factors r * (in + out). That is less only while
r < in * out / (in + out): for a feed-forward that widens by 4, below rank_ratio 0.8. Above it the candidate does more
work than dense and is allowed to: a loss is a finding as well.
"""

import copy
import math
from operator import attrgetter
from typing import Any

import torch
from torch import nn

from ace.domain.plan import require
from ace.domain.workload import Batch
from ace.errors import PlanError
from ace.executors.dropping import layers_of

MATRICES = ("rise", "fall")


class LowRank:
    """Factors of rank max(1, floor(rank_ratio * min(out, in))) in the feed-forward of every layer."""

    def __init__(self, rank_ratio: float = 0.5):
        number = isinstance(rank_ratio, int | float) and not isinstance(rank_ratio, bool)
        require(number and 0 < rank_ratio <= 1, "executor.rank_ratio", rank_ratio, "a number above 0, up to 1")
        self.rank_ratio = rank_ratio

    def rank(self, dense: nn.Linear) -> int:
        """How many singular values of this matrix stay."""
        full = min(dense.out_features, dense.in_features)
        return max(1, math.floor(self.rank_ratio * full + 1e-9))  # .29 * 100 is 28.999999999999996

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """A copy of the model with factors in place of the feed-forward matrices, under the same names."""
        require_feed_forward(model)
        candidate: Any = copy.deepcopy(model)
        for layer in candidate.layers:
            for name in MATRICES:
                dense = getattr(layer.feed_forward, name)
                setattr(layer.feed_forward, name, factorised(dense, self.rank(dense)))
        factors: nn.Module = candidate
        return factors


@torch.no_grad()
def factorised(dense: nn.Linear, rank: int) -> nn.Sequential:
    """x W^T + b as (x V) (U S)^T + b with U S V^T the decomposition cut to `rank`: (..., in) -> (..., out).

    In float64, so that workers with different numbers of threads find the same factors to float32's precision.
    """
    weight = dense.weight  # (out, in)
    u, s, vh = torch.linalg.svd(weight.double(), full_matrices=False)
    # made on meta: drawing weights in vain would move the global random state
    narrow = nn.Linear(dense.in_features, rank, bias=False, device="meta", dtype=weight.dtype)
    widen = nn.Linear(rank, dense.out_features, bias=dense.bias is not None, device="meta", dtype=weight.dtype)
    narrow.to_empty(device=weight.device)
    widen.to_empty(device=weight.device)
    narrow.weight.copy_(vh[:rank])  # (rank, in)
    widen.weight.copy_(u[:, :rank] * s[:rank])  # (out, rank)
    if dense.bias is not None:
        widen.bias.copy_(dense.bias)
    return nn.Sequential(narrow, widen).requires_grad_(weight.requires_grad).train(dense.training)


def require_feed_forward(model: nn.Module) -> None:
    """Raise PlanError naming the first matrix that is to be factorised and is no nn.Linear of `model`."""
    layers = layers_of(model)
    missing = [] if layers else ["layers"]
    for index, layer in enumerate(layers):
        for name in (f"feed_forward.{matrix}" for matrix in MATRICES):
            if not isinstance(_part(layer, name), nn.Linear):
                missing.append(f"layers[{index}].{name} that is an nn.Linear")
    if missing:
        raise PlanError(
            f"the feed-forward of a {type(model).__name__} cannot be factorised: it has no {missing[0]}. "
            "Choose model=minilm or model=encoder, or give the model these parts (see ace/executors/low_rank.py)."
        )


def _part(layer: object, name: str) -> object:
    try:
        return attrgetter(name)(layer)
    except AttributeError:
        return None
