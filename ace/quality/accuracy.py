"""Accuracy of a model that answers by itself: the class of its largest logit.

For classifiers such as the vision transformer, whose outputs are answers and not embeddings; called by `scoring`.
"""

import numpy as np
from numpy.typing import NDArray

from ace.errors import EvidenceError

METRIC = "accuracy"


def answers(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the largest of each row stands: (n, classes), (n,) -> (n,).  Raises EvidenceError where no label can be."""
    if len(logits) != len(labels) or labels.max(initial=0) >= logits.shape[1]:
        raise EvidenceError(f"quality: outputs {logits.shape} are no logits for {len(labels)} labels to {labels.max()}")
    named: NDArray[np.int64] = logits.argmax(axis=1).astype(np.int64)
    return named
