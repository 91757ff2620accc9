"""Proof of work done: what measurement's own hooks see in an untimed call.

The skeptic compares it with what an executor declares: masking is not dropping. Two independent looks: forward hooks on
the linear maps (tokens per layer) and a count at dispatch (FLOPs, attention kernels), never the executor's word.
"""

import re
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from ace.domain.record import Witness
from ace.domain.workload import Batch

LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")


def tokens_per_layer(module: nn.Module, batch: Batch) -> tuple[int, ...] | None:
    """Fewest tokens of one example that any linear map of layer i is given; None where no such layer was seen.

    Layers are found by name (`...layers.<i>...`). A linear map sees (batch, tokens, width); its tokens are all
    leading elements over the batch.
    """
    examples = batch.ids.shape[0]
    seen: dict[int, int] = {}

    def look(layer: int) -> Any:
        def hook(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            tokens = inputs[0].shape[:-1].numel() // examples
            seen[layer] = min(tokens, seen.get(layer, tokens))

        return hook

    handles = [
        part.register_forward_pre_hook(look(int(found.group(1))))
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear) and (found := LAYER.search(name))
    ]
    try:
        with torch.no_grad():
            module(batch.ids.clone(), batch.mask.clone())
    finally:
        for handle in handles:
            handle.remove()
    return tuple(seen[layer] for layer in sorted(seen)) or None


class _Kernels(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Names of the attention kernels that were dispatched."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.attention: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func)
        if "scaled_dot_product" in name:
            self.attention.add(name.removeprefix("aten."))
        return func(*args, **(kwargs or {}))


def dispatched(module: nn.Module, batch: Batch) -> tuple[int | None, tuple[str, ...]]:
    """FLOPs of one call and the attention kernels it used; None where the counter cannot follow the module."""
    kernels, counter = _Kernels(), FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter, kernels:
            module(batch.ids.clone(), batch.mask.clone())
    except (RuntimeError, NotImplementedError, AssertionError):
        return None, ()  # compiled modules refuse foreign dispatch modes; the timing itself is not touched by this
    return int(counter.get_total_flops()), tuple(sorted(kernels.attention))


def witness(arm: str, module: nn.Module, batch: Batch) -> tuple[Witness, tuple[str, ...]]:
    """Work seen in two untimed calls, and the attention kernels (for parity)."""
    flops, kernels = dispatched(module, batch)
    return Witness(arm, tokens_per_layer(module, batch), flops), kernels
