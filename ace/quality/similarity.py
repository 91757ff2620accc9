"""How alike an arm finds two documents: the cosine of their embeddings, for every pair.

Held against what people said of the same pairs, by `ace.stats.correlation`; no probe and no labels come in between.
"""

import numpy as np
from numpy.typing import NDArray

from ace.errors import EvidenceError

METRIC = "human_similarity"


def cosines(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, dim) -> (n * (n - 1) / 2,) in the order of itertools.combinations, 0 where an embedding has no length.

    Raises EvidenceError for fewer than 2 documents and for an embedding that is not finite.
    """
    if embeddings.ndim != 2 or len(embeddings) < 2:
        raise EvidenceError(f"quality: outputs {embeddings.shape}; expected (documents, dim) of 2 documents or more")
    bad = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if len(bad):
        raise EvidenceError(f"quality: the output for document {bad[0]} is not finite")
    wide = embeddings.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    # Row by row, not as a matrix product: BLAS adds up in an order that depends on the place, and pairs that are alike
    # must tie to the bit where ranks are taken.
    return np.concatenate([(unit[row + 1 :] * unit[row]).sum(axis=1) for row in range(len(unit) - 1)])
