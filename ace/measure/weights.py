"""The weights that a module holds, however they are stored: parameters, buffers, an engine's packed form, subclasses.

Used by `arms` for what parity and complexity compare. Quantised layers keep their weights where `parameters()` does
not look (torch.ao packs them into a tuple in the state) or under another name (torchao's tensors say float32 and hold
int8).
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

INDICES = (torch.int64, torch.int32, torch.int16, torch.bool)  # positions and masks, not weights


def weights(module: nn.Module) -> list[Tensor]:
    """Every parameter, also packed ones, and every other matrix that can be a weight; none twice."""
    found: dict[int, Tensor] = {id(tensor): tensor for tensor in module.parameters()}
    for value in module.state_dict(keep_vars=True).values():
        for tensor in _tensors(value):
            matrix = tensor.dim() >= 2 and tensor.dtype not in INDICES
            if matrix or isinstance(tensor, nn.Parameter):
                found.setdefault(id(tensor), tensor)
    return list(found.values())


def number_types(module: nn.Module) -> tuple[str, ...]:
    """Names of the number types that weights are stored in, sorted: ("float32",), ("float32", "qint8")."""
    stored = (part for tensor in weights(module) for part in _stored(tensor))
    return tuple(sorted({str(part.dtype).removeprefix("torch.") for part in stored if part.dtype not in INDICES}))


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)


def _stored(tensor: Tensor) -> Iterator[Tensor]:
    """What a tensor really consists of: a subclass that wraps others names them (`__tensor_flatten__`)."""
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None or type(tensor) in (Tensor, nn.Parameter):
        yield tensor
        return
    for name in flatten()[0]:
        yield from _stored(getattr(tensor, name))
