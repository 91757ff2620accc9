"""The weights of a model in memory as one digest: what a measurement and a server must have in common.

Taken by `ace.measure` of the baseline in every session and by `ace.guard` of the baseline that is served.
"""

import hashlib

import torch
from torch import nn


def weights_digest(model: nn.Module) -> str:
    """Hex BLAKE2b (16 bytes) of every entry of the state: name, number type, shape and bytes."""
    state = hashlib.blake2b(digest_size=16)
    for name, value in model.state_dict().items():
        if isinstance(value, torch.Tensor):
            state.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
            state.update(value.detach().cpu().contiguous().view(torch.uint8).reshape(-1).numpy().data)
        else:
            state.update(f"{name}{value!r}".encode())
    return state.hexdigest()
