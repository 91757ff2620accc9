"""Documents of which people have said how much alike they are, pair by pair.

Made by a benchmark module; beside `documents`, whose documents have labels. Ratings stay with whoever scores. The
diagonal of `ratings` is NaN: nobody was asked whether a document is like itself.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ace.benchmarks.documents import _sha256

Ints = NDArray[np.int64]
Ratings = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RatedDocuments:
    """ids, mask: (n, seq_len) int64, mask 1 where there is a token, padding behind with id 0.

    ratings: (n, n) float64 from 0 (nothing in common) to 1, symmetric, NaN on the diagonal.
    `digests`: (name, sha256) of every file that they were made from.
    """

    ids: Ints
    mask: Ints
    ratings: Ratings
    digests: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        n = len(self.ids)
        if self.ids.ndim != 2 or self.ids.shape != self.mask.shape or self.ratings.shape != (n, n) or n < 2:
            shapes = (self.ids.shape, self.mask.shape, self.ratings.shape)
            raise ValueError(f"ids, mask and ratings do not belong together, or are fewer than 2: {shapes}")
        tokens = self.mask.sum(axis=1)
        behind = np.arange(self.ids.shape[1]) >= tokens[:, None]
        if not ((tokens > 0).all() and np.array_equal(self.mask, ~behind) and not self.ids[behind].any()):
            raise ValueError("mask must be 1 over the tokens of each document and 0 behind them, where ids are 0")
        pairs = self.pairs
        if not (np.array_equal(pairs, self.ratings.T[_above(n)]) and ((pairs >= 0) & (pairs <= 1)).all()):
            raise ValueError("ratings must be from 0 to 1, the same above and below the diagonal")
        if not np.isnan(np.diagonal(self.ratings)).all():
            raise ValueError("the diagonal of ratings must be NaN: no pair was rated there")

    @property
    def pairs(self) -> Ratings:
        """(n * (n - 1) / 2,) ratings in the order of itertools.combinations(range(n), 2)."""
        above: Ratings = self.ratings[_above(len(self.ids))]
        return above

    @property
    def inputs_digest(self) -> str:
        """Hex SHA-256 of what the model is given; the same as that of `Documents` with these ids and mask."""
        return _sha256(self.ids, self.mask)

    @property
    def labels_digest(self) -> str:
        """Hex SHA-256 of what it is scored against: the ratings of all pairs."""
        pairs = self.pairs
        return hashlib.sha256(f"{pairs.shape}\0".encode() + pairs.astype("<f8").tobytes()).hexdigest()


def _above(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(n, 1)
