"""In which order the arms are timed: mirrored blocks (2-statistics, rule 1); and in which batches documents are scored.

A block is two rounds: the arms in a random order, then the same in reverse. Position in the round and linear drift
cancel exactly for every pair of arms, and a random order does not lock onto a periodic disturbance.
"""

import random
from collections.abc import Sequence

import numpy as np


def mirrored_blocks(arms: Sequence[str], rounds: int, rng: random.Random) -> tuple[tuple[str, ...], ...]:
    """Orders of `rounds` rounds; rounds 2k and 2k+1 mirror each other. An odd last one (warm-up only) has no mirror."""
    orders: list[tuple[str, ...]] = []
    while len(orders) < rounds:
        first = list(arms)
        rng.shuffle(first)
        orders += [tuple(first), tuple(reversed(first))]
    return tuple(orders[:rounds])


def shuffled_batches(documents: int, size: int, seed: int) -> np.ndarray:
    """All documents in random batches of `size`, as a cell draws them; the last is filled up from the start.

    -> (batches, size) int64: each document's first place is its own, what follows the last is filling.
    """
    order = np.random.default_rng(seed).permutation(documents)
    return np.concatenate([order, np.resize(order, -documents % size)]).reshape(-1, size)
