"""From the outputs of both arms to the Quality of a record, by the benchmark's metric.

Called by the examination in the parent, where the labels are.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ace.domain.plan import require
from ace.domain.record import Quality
from ace.quality import accuracy, probe
from ace.quality.checks import require_together

METRICS = (probe.METRIC, accuracy.METRIC)
Outputs = NDArray[np.float32]


class Labelled(Protocol):
    """The documents that were given, as `ace.benchmarks.documents.Documents` has them."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,) what each document is."""

    @property
    def labels_digest(self) -> str:
        """Hex SHA-256 of the labels."""

    @property
    def inputs_digest(self) -> str:
        """Hex SHA-256 of ids and mask."""


def score(dense: Outputs, candidate: Outputs, documents: Labelled, metric: str) -> Quality:
    """Scores of both arms on the same documents.  dense, candidate: (n, dim)."""
    require(metric in METRICS, "split.metric", metric, ", ".join(METRICS))
    labels = documents.labels
    require_together(dense, candidate, labels)
    if metric == probe.METRIC:
        baseline_scores, candidate_scores = probe.cross_fitted(dense, candidate, labels)
    else:
        baseline_scores, candidate_scores = accuracy.right(dense, labels), accuracy.right(candidate, labels)
    return Quality(
        metric=metric,
        baseline=tuple(baseline_scores.tolist()),
        candidate=tuple(candidate_scores.tolist()),
        cosine=tuple(probe.cosine(dense, candidate).tolist()),
        chance=float(np.bincount(labels).max() / len(labels)),
        labels_digest=documents.labels_digest,
        inputs_digest=documents.inputs_digest,
    )
