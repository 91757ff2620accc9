"""From the outputs of both arms to the Quality of a record, by the benchmark's metric.

Called by the examination in the parent, where the labels are.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ace.domain.plan import require
from ace.domain.quality import Quality
from ace.quality import accuracy, probe
from ace.quality.agreement import agreement
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


def score(dense: Outputs, candidate: Outputs, documents: Labelled, metric: str, numbers: bool = True) -> Quality:
    """Scores of both arms on the same documents.  dense, candidate: (n, dim).

    `numbers`: whether their outputs are compared number by number as well.
    """
    require(metric in METRICS, "split.metric", metric, ", ".join(METRICS))
    labels = documents.labels
    require_together(dense, candidate, labels)
    if metric == probe.METRIC:
        named = probe.answers(dense, candidate, labels)
    else:
        named = accuracy.answers(dense, labels), accuracy.answers(candidate, labels)
    right = [(arm == labels).astype(float).tolist() for arm in named]
    return Quality(
        metric=metric,
        baseline=tuple(right[0]),
        candidate=tuple(right[1]),
        cosine=tuple(probe.cosine(dense, candidate).tolist()),
        chance=float(np.bincount(labels).max() / len(labels)),
        labels_digest=documents.labels_digest,
        inputs_digest=documents.inputs_digest,
        agreement=agreement(dense, candidate, named[0] == named[1]) if numbers else None,
    )
