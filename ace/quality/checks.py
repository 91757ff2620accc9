"""What no score may be made from: outputs that do not belong together or are not finite. Shared by the metrics."""

import numpy as np
from numpy.typing import NDArray

from ace.errors import EvidenceError


def require_together(dense: NDArray[np.float32], candidate: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    """Raise EvidenceError unless both arms have one finite output for every label.  dense, candidate: (n, dim)."""
    if dense.shape != candidate.shape or len(labels) != len(dense):
        raise EvidenceError(
            f"quality: dense {dense.shape}, candidate {candidate.shape} and {len(labels)} labels do not belong together"
        )
    for arm, outputs in (("baseline", dense), ("candidate", candidate)):
        bad = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
        if len(bad):
            raise EvidenceError(f"quality: the {arm}'s output for document {bad[0]} is not finite")
