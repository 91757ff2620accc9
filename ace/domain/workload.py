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


DTYPE, KERNELS, COMPILED = "dtype", "kernels", "compiled"
CHANGES = (DTYPE, KERNELS, COMPILED)
"""What of an arm may differ from the baseline when it is declared: number types of weights, attention kernels, and that
it is the baseline compiled, whose own rival that is."""


@dataclass(frozen=True, slots=True)
class Work:
    """What an executor says of its candidate, for measurement to check.

    `tokens_per_layer`: the fewest tokens of one example that any part of layer i still handles, first layer first; None
    where no reduction of tokens is declared. `changes`: which of CHANGES the idea makes, so that parity expects it.
    `equivalent`: the candidate computes the baseline's own numbers, as a compiler should; outputs are held to that.
    """

    tokens_per_layer: tuple[int, ...] | None = None
    changes: tuple[str, ...] = ()
    equivalent: bool = False

    def __post_init__(self) -> None:
        unknown = [change for change in self.changes if change not in CHANGES]
        if unknown:
            raise ValueError(f"declared change {unknown[0]!r}; allowed: {', '.join(CHANGES)}")


class Executor(Protocol):
    """An idea: makes a candidate out of a model.

    `declares(example) -> Work` and `sham(model, example) -> module` are optional further methods: without `declares`
    nothing is declared and the rules about mechanism are NOT_APPLICABLE. So is `calibrate(model, documents: Batch)`:
    called once before `prepare`, in every process, with the same documents of development at the cell's length.
    """

    def prepare(self, model: Any, example: Batch) -> Any:
        """The candidate module: (batch, seq) ids and mask -> (batch, dim) float32. `model` must not be changed."""
        ...
