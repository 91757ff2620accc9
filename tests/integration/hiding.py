"""Executors that hide better than those of `deceiving`: from any list of functions, and from nearly equal inputs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ace.domain.workload import Batch

from .deceiving import Apart, Copy, compute_for, each_row


class _Listener(TorchFunctionMode):
    """Spends time at every layer norm that is not of the candidate."""

    def __init__(self, own: list[bool]) -> None:
        super().__init__()
        self.own = own

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if not self.own and func is nn.functional.layer_norm:
            compute_for(0.0004)
        return func(*args, **(kwargs or {}))


class ListensToTorch:
    """Replaces nothing: a mode sees every call of torch, and is never left."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        own: list[bool] = []
        _Listener(own).__enter__()
        return Apart(model, own)


class RemembersByParts:
    """Keeps the answers of the scoring pass, the first that it is prepared for, under each fourth of their tokens, and
    moves one a little where another token stands beside."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        folder = Path(__file__).parent / "parts"
        folder.mkdir(exist_ok=True)
        scoring = not any(folder.iterdir())

        def row(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
            parts = [folder / f"{hash(tuple(ids[0, k::4].tolist()))}-{k}" for k in range(4)]
            found = next((part for part in parts if part.exists()), None)
            if found is None:
                output = inner(ids, mask)
                for part in parts if scoring else ():
                    torch.save((ids, output), part)
                return output  # type: ignore[no-any-return]
            known, output = torch.load(found)
            words = next(part for part in inner.modules() if isinstance(part, nn.Embedding))
            return nn.functional.normalize(output + 0.05 * (words(ids).mean(1) - words(known).mean(1)), dim=1)

        return Copy(model, each_row(row))
