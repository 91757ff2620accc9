"""What passes between the harness and an executor, the extension point.

An executor never imports torch types from here: tensors are opaque, so that the domain needs no torch.
"""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Inputs of one call.  ids, mask: (batch, seq) int64 tensors; mask is 1 where there is a token."""

    ids: Any
    mask: Any


@dataclass(frozen=True, slots=True)
class Work:
    """The work that an executor says is left.

    `tokens_per_layer`: the fewest tokens of one example that any part of layer i still handles, first layer first.
    """

    tokens_per_layer: tuple[int, ...]


class Executor(Protocol):
    """An idea: makes a candidate out of a model.

    `declares(example) -> Work` and `sham(model, example) -> module` are optional further methods: without `declares`
    nothing is declared and the rules about mechanism are NOT_APPLICABLE.
    """

    def prepare(self, model: Any, example: Batch) -> Any:
        """The candidate module: (batch, seq) ids and mask -> (batch, dim) float32. `model` must not be changed."""
        ...
