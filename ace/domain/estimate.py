"""What a comparison says: a gain, its interval and one of four answers.

Made by `ace.stats`, read by `ace.decide` and `ace.report`. Gains are natural log ratios baseline/candidate of the
steady-state median time; positive means that the candidate is faster.
"""

from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """The four answers against a declared margin (2-statistics, rule 5)."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One baseline against one candidate, judged by session.

    `gain`, `low` and `high` are natural logs; they are None only when nothing could be estimated, and then the
    answer is inconclusive and `reasons` says why. `low` and `high` are missing with a known gain when sessions do not
    vary or there is only one. `session_gains` holds the statistic of each session used, in order. `notes` are remarks
    that do not forbid the answer (rounds cut, outliers kept, a cross-check that disagrees).
    """

    gain: float | None
    low: float | None
    high: float | None
    p_value: float | None
    sessions: int
    answer: Answer
    reasons: tuple[str, ...]
    sessions_needed: int | None
    smallest_visible_gain: float | None
    session_gains: tuple[float, ...]
    cut_rounds: int
    signed_rank_p: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.gain is None or self.low is None or self.high is None:
            if self.answer is not Answer.INCONCLUSIVE:
                raise ValueError(f"answer {self.answer} without an interval; only inconclusive may have none")
        elif not self.low <= self.gain <= self.high:  # also catches NaN
            raise ValueError(f"interval is reversed or NaN: {self.low}, {self.gain}, {self.high}")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that always carries its interval."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:  # also catches NaN
            raise ValueError(f"interval is reversed or NaN: {self.low}, {self.value}, {self.high}")


@dataclass(frozen=True, slots=True)
class AxisEffect:
    """What doubling an axis adds to a natural log, averaged over the cells measured, and the share of the variation
    between cells that this axis alone explains."""

    axis: str
    per_doubling: Estimate
    share: Estimate

    def __post_init__(self) -> None:
        if not 0 <= self.share.low <= self.share.high <= 1 + 1e-9:
            raise ValueError(f"share {self.share} of axis {self.axis}; expected 0 to 1")
