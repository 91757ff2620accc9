"""Proof of work done: what measurement's own hooks see in an untimed call.

The skeptic compares it with what an executor declares: masking is not dropping. Two independent looks: forward hooks on
the linear maps (tokens per layer) and a count at dispatch (FLOPs, attention kernels), never the executor's word.
"""

import re
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

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
        with torch.inference_mode():
            module(batch.ids.clone(), batch.mask.clone())
    finally:
        for handle in handles:
            handle.remove()
    return tuple(seen[layer] for layer in sorted(seen)) or None


class _Dispatched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what really reaches the kernels: FLOPs by torch's own formulas, and the attention kernels' names."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0
        self.attention: set[str] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # the default would import all of torch._dynamo: two seconds of every session

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func._overloadpacket not in flop_registry and func._can_decompose():
            with self:  # a composite such as linear is counted by what it is made of
                parts = func.decompose(*args, **given)
            if parts is not NotImplemented:
                return parts
        output = func(*args, **given)
        if "scaled_dot_product" in str(func):
            self.attention.add(str(func).removeprefix("aten."))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.flops += int(count(*args, **given, out_val=output))
        elif "scaled_dot_product" in str(func):  # the CPU kernel has no formula of its own in torch
            self.flops += int(sdpa_flop_count(*(t.shape for t in args[:3])))  # type: ignore[no-untyped-call]
        return output


def dispatched(module: nn.Module, batch: Batch) -> tuple[int | None, tuple[str, ...]]:
    """FLOPs of one call and the attention kernels it used; None where the module cannot be followed."""
    seen = _Dispatched()
    try:
        with torch.inference_mode(), seen:
            module(batch.ids.clone(), batch.mask.clone())
    except (RuntimeError, NotImplementedError, AssertionError):
        return None, ()  # compiled modules refuse foreign dispatch modes; the timing itself is not touched by this
    return seen.flops, tuple(sorted(seen.attention))


def witness(arm: str, module: nn.Module, batch: Batch) -> tuple[Witness, tuple[str, ...]]:
    """Work seen in two untimed calls, made just as timed ones are, and the attention kernels (for parity)."""
    flops, kernels = dispatched(module, batch)
    return Witness(arm, tokens_per_layer(module, batch), flops), kernels
