"""Documents of one benchmark at one length, as every arm is given them.

Made by a benchmark module, laid out for the workers by `ace.measure`; the labels stay with whoever scores.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)  # no slots: digests are computed once and kept
class Documents:
    """ids, mask: (n, seq_len) int64, mask 1 where there is a token.  labels: (n,) int64, indices into label_names.

    `digests`: (name, sha256) of every file that they were made from.
    """

    ids: Ints
    mask: Ints
    labels: Ints
    label_names: tuple[str, ...]
    digests: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if self.ids.shape != self.mask.shape or self.labels.shape != self.ids.shape[:1]:
            shapes = (self.ids.shape, self.mask.shape, self.labels.shape)
            raise ValueError(f"ids, mask and labels do not belong together: {shapes}")

    @property
    def inputs_digest(self) -> str:
        """Hex SHA-256 of what the model is given."""
        return _sha256(self.ids, self.mask)

    @cached_property
    def each_digest(self) -> tuple[str, ...]:
        """The first 12 hex digits of each document's own digest: enough to see that two splits share none."""
        return tuple(_sha256(*pair)[:12] for pair in zip(self.ids, self.mask, strict=True))

    @property
    def labels_digest(self) -> str:
        """Hex SHA-256 of what it is scored against."""
        return _sha256(self.labels)


def _sha256(*arrays: Ints) -> str:
    content = hashlib.sha256()
    for array in arrays:
        content.update(f"{array.shape}\0".encode())
        content.update(array.astype("<i8").tobytes())
    return content.hexdigest()
