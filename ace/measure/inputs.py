"""The documents of a cell as workers read them: which come next, and a call's tensors.

Used by `session`, `embedding` and `memory`; laid out by the parent (`workshop`), without labels. A batch is as wide as
its longest document: whatever padding there is comes from documents of different length in one batch.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ace.domain.workload import Batch
from ace.measure.messages import CALIBRATION


class Inputs:
    """`calibration`: documents of development that ideas may calibrate on, None where there are none.

    Draws fresh documents for every round; no document comes twice before all were used."""

    def __init__(self, folder: Path, rng: np.random.Generator) -> None:
        self.ids = np.load(folder / "ids.npy", mmap_mode="r", allow_pickle=False)
        self.mask = np.load(folder / "mask.npy", mmap_mode="r", allow_pickle=False)
        self.rng = rng
        self.waiting: list[int] = []
        self.calibration = _calibration(folder / CALIBRATION)

    def draw(self, examples: int) -> tuple[int, ...]:
        """Indices of the next documents."""
        while len(self.waiting) < examples:
            self.waiting += [int(i) for i in self.rng.permutation(len(self.ids))]
        drawn, self.waiting = self.waiting[:examples], self.waiting[examples:]
        return tuple(drawn)

    def batch(self, indices: Sequence[int]) -> Batch:
        """The documents as tensors of their own.  ids, mask: (len(indices), longest of them) int64."""
        rows = list(indices)
        return _trimmed(self.ids[rows], self.mask[rows])


def _calibration(file: Path) -> Batch | None:
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as arrays:
        return _trimmed(arrays["ids"], arrays["mask"])


def _trimmed(ids: np.ndarray, mask: np.ndarray) -> Batch:
    longest = int(mask.sum(axis=1).max())
    return Batch(*(torch.from_numpy(np.ascontiguousarray(array[:, :longest])) for array in (ids, mask)))
