"""Probe accuracy: can a linear classifier fitted on dense embeddings still read the candidate's?

The probe is cross-fitted: each document is scored by a logistic regression that was fitted on the dense embeddings of
the other four folds, for both arms alike. It asks whether a candidate can replace the dense model where something was
already built on its embeddings. Called by `ace.measure` in the parent, where the labels are.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ace.errors import EvidenceError
from ace.quality.checks import require_together

Embeddings = NDArray[np.float32]
Scores = NDArray[np.float64]
Labels = NDArray[np.int64]

METRIC = "probe_accuracy"
FOLDS = 5
# chosen by dense accuracy alone, 1000 documents of development at 64 tokens: .741 at C = 1, .760 at 3, .759 at 10
INVERSE_PENALTY = 3.0


def answers(
    dense: Embeddings, candidate: Embeddings, labels: NDArray[np.int64], folds: int = FOLDS
) -> tuple[Labels, Labels]:
    """The class that the probe of the other folds names, for each arm: (n, dim), (n, dim), (n,) -> (n,), (n,).

    Raises EvidenceError when the arrays do not belong together, hold NaN or infinities, or all labels are the same.
    """
    require_together(dense, candidate, labels)
    classes = len(np.unique(labels))
    if classes < 2 or len(labels) < 2 * folds:
        raise EvidenceError(
            f"quality: {len(labels)} documents of {classes} classes; a probe in {folds} folds needs {2 * folds} of 2"
        )
    fold = stratified_folds(labels, folds)
    named = np.zeros((2, len(labels)), dtype=np.int64)
    # one thread: the matrices are small, and threads that wait for each other on a busy machine take 20 times as long
    with threadpool_limits(1):
        for held_out in range(folds):
            out = fold == held_out
            probe = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(dense[~out], labels[~out])
            for arm, embeddings in enumerate((dense, candidate)):
                named[arm, out] = probe.predict(embeddings[out])
    return named[0], named[1]


def stratified_folds(labels: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """The fold of each example: (n,) -> (n,).  Fixed: sorted by class, then dealt out in turn."""
    fold = np.empty(len(labels), dtype=np.int64)
    fold[np.argsort(labels, kind="stable")] = np.arange(len(labels)) % folds
    return fold


def cosine(dense: Embeddings, candidate: Embeddings) -> Scores:
    """Cosine of each candidate embedding to its dense one, 0 where one has no length: (n, dim), (n, dim) -> (n,)."""
    a, b = dense.astype(np.float64), candidate.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = (a * b).sum(axis=1)
    cosines: Scores = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return cosines
