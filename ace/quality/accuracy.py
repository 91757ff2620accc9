"""Accuracy of a model that answers by itself: is the largest logit that of the label?

For classifiers such as the vision transformer, whose outputs are answers and not embeddings; called by `scoring`.
"""

import numpy as np
from numpy.typing import NDArray

from ace.errors import EvidenceError

METRIC = "accuracy"


def right(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 where the largest of each row stands at its label, else 0: (n, classes), (n,) -> (n,)."""
    if len(logits) != len(labels) or labels.max(initial=0) >= logits.shape[1]:
        raise EvidenceError(f"quality: outputs {logits.shape} are no logits for {len(labels)} labels to {labels.max()}")
    hits: NDArray[np.float64] = (logits.argmax(axis=1) == labels).astype(np.float64)
    return hits
