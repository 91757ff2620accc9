"""A small encoder with random weights, and inputs for it."""

import torch
from torch import nn

from ace.domain.plan import ModelSpec
from ace.domain.workload import Batch
from ace.models import random_encoder


def encoder(hidden: int = 32, depth: int = 6, heads: int = 2, positions: int = 64) -> nn.Module:
    return random_encoder.load(
        ModelSpec("encoder", "ace.models.random_encoder.load", hidden, depth, heads, positions, False, 0)
    )


def batch(size: int = 3, tokens: int = 20, padding: int = 0, seed: int = 0) -> Batch:
    """`padding`: how many tokens of the last example are padding."""
    ids = torch.randint(1000, 2000, (size, tokens), generator=torch.Generator().manual_seed(seed))
    ids[:, 0] = 101
    mask = torch.ones_like(ids)
    if padding:
        ids[-1, -padding:] = 0
        mask[-1, -padding:] = 0
    return Batch(ids, mask)
