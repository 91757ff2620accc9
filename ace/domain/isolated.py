"""Baseline and candidate, each alone in fresh processes, pair after pair in alternating order.

Measured beside a cell's sessions by `ace.measure.isolation`, judged by the skeptic's rule interference: in a session
the arms share a process, and a candidate that disturbs its neighbour there gains by it.
"""

from dataclasses import dataclass

from ace.domain.quality import require_valid as _require

ISOLATED_SESSIONS = 10
"""Pairs of processes where nobody asks for another number."""


@dataclass(frozen=True, slots=True)
class IsolatedPair:
    """One pair of processes on the same documents. `first`: the arm whose process ran first. Wall seconds per call of
    the timed rounds; `documents`: digest of what both were given. `output_error`: of an output that the candidate gave
    alone, against the one that was scored: max |difference| / max |scored|; None where none was scored."""

    index: int
    first: str
    baseline_s: tuple[float, ...]
    candidate_s: tuple[float, ...]
    documents: str
    started_at: float
    output_error: float | None = None

    def __post_init__(self) -> None:
        _require(bool(self.baseline_s) and len(self.baseline_s) == len(self.candidate_s), "an uneven isolated pair")
        _require(all(s > 0 for s in (*self.baseline_s, *self.candidate_s)), "an isolated wall time is not positive")


@dataclass(frozen=True, slots=True)
class Isolated:
    """`planned` pairs, those that were measured, and why others were not."""

    planned: int
    pairs: tuple[IsolatedPair, ...]
    failures: tuple[str, ...]

    def __post_init__(self) -> None:
        _require(len(self.pairs) + len(self.failures) == self.planned, "an isolated pair that nothing is known of")
        indices = [pair.index for pair in self.pairs]
        _require(len(set(indices)) == len(indices), "an isolated pair twice")
