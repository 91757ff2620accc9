"""The weights of a model in memory as one digest: what a measurement and a server must have in common.

Taken by `ace.measure` of the baseline in every session and by `ace.guard` of the arms that are served.
"""

import hashlib
from collections.abc import Iterable

import torch
from torch import nn


def weights_digest(model: nn.Module) -> str:
    """Hex BLAKE2b (16 bytes) of every entry of the state: name, number type, shape and bytes."""
    return _digest(model.state_dict().items())


def parameters_digest(model: nn.Module) -> str | None:
    """The same of its parameters alone, without what it keeps beside them; None where they are no plain numbers."""
    try:
        return _digest(model.named_parameters())
    except (RuntimeError, NotImplementedError, TypeError):  # wrappers of other types have no bytes to show
        return None


def _digest(values: Iterable[tuple[str, object]]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for name, value in values:
        if isinstance(value, torch.Tensor):
            state.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
            state.update(value.detach().cpu().contiguous().view(torch.uint8).reshape(-1).numpy().data)
        else:
            state.update(f"{name}{value!r}".encode())
    return state.hexdigest()
