"""Whether weights are still those that were compared: what a call of the guard can afford to look at.

Made by `ace.guard.serving` before every full comparison, so that what changes meanwhile is seen at the next call. It
says that something moved and never what it is now: that takes a digest.
"""

from collections.abc import Iterator
from itertools import cycle
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

AT_ONCE, COUNTED_AT_ONCE = 4, 16
"""Tensors whose place, and modules whose mode, are looked at in one call; tensors whose changes are counted. Together 2
microseconds."""
VERSION, MODE = attrgetter("_version"), attrgetter("training")
T = TypeVar("T")


class Place(NamedTuple):
    """Where a module keeps a tensor. `kept` holds on to its memory, which could otherwise be given to what replaces
    it and would then lie at the same address; `version` is None where the baseline's are counted together."""

    owner: dict[str, Any]
    name: str
    tensor: torch.Tensor
    kept: torch.Tensor
    address: int | None
    version: int | None


class Watch:
    """The tensors of two arms as they are now."""

    def __init__(self, baseline: nn.Module, candidate: nn.Module) -> None:
        self._roots = (baseline, candidate)
        inner = (part for part in candidate.modules() if not part.training and part is not candidate)
        self._modules: list[nn.Module] = [*baseline.modules(), candidate, *inner]
        self._modes = cycle(_parts(self._modules, AT_ONCE))
        self._training = False
        weights = [*_tensors(baseline, ("_parameters", "_buffers"))]
        counted = _parts([tensor for *_, tensor in weights if not tensor.is_inference()], COUNTED_AT_ONCE)
        self._counted = cycle([(part, sum(map(VERSION, part))) for part in counted])
        places = [_place(*found, counted=False) for found in weights]
        places += [_place(*found, counted=True) for found in _tensors(candidate, ("_parameters",))]
        self._places = cycle(_parts(places, AT_ONCE))

    def moved(self) -> bool:
        """Whether any tensor was changed, replaced or moved, as far as this call looks."""
        tensors, changes = next(self._counted)
        if sum(map(VERSION, tensors)) != changes:  # each only grows, so that their sum hides none
            return True
        for owner, name, tensor, _, address, version in next(self._places):
            if owner.get(name) is not tensor or (address is not None and tensor.data_ptr() != address):
                return True
            if version is not None and tensor._version != version:
                return True
        return False

    def training(self) -> bool:
        """Whether an arm, or a module of those that this call looks at, is in training mode and was not before; once
        one is, whether any still is."""
        baseline, candidate = self._roots
        if self._training or baseline.training or candidate.training or any(map(MODE, next(self._modes))):
            self._training = any(map(MODE, self._modules))
            return self._training
        return False


def _parts(whole: list[T], size: int) -> list[list[T]]:
    """Each from all over the arms, so that what happens to a whole arm is seen by every one."""
    turns = max(1, -(-len(whole) // size))
    return [whole[turn::turns] for turn in range(turns)]


def _tensors(arm: nn.Module, kinds: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], str, torch.Tensor]]:
    """Where each tensor of an arm hangs, under which name, and the tensor; one that hangs twice comes twice."""
    for part in arm.modules():
        for kind in kinds:
            owner = getattr(part, kind)
            if isinstance(owner, dict):  # a ScriptModule keeps them elsewhere
                yield from ((owner, name, tensor) for name, tensor in owner.items() if tensor is not None)


def _place(owner: dict[str, Any], name: str, tensor: torch.Tensor, *, counted: bool) -> Place:
    try:
        address = tensor.data_ptr()
    except (RuntimeError, NotImplementedError):  # sparse ones and wrappers lie at no address
        address = None
    version = tensor._version if counted and not tensor.is_inference() else None
    return Place(owner, name, tensor, tensor.detach(), address, version)
