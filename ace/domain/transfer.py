"""How a gain travels from the documents it was chosen on to those that nobody had seen: `transfer.json` of a bundle.

Computed by `ace.decide.transfer`, part of the Decision, written down by `ace.report`. Gains are logs.
"""

from dataclasses import dataclass
from enum import StrEnum

from ace.domain.estimate import Estimate
from ace.domain.plan import DEVELOPMENT, HOLDOUT, Shape


class Cause(StrEnum):
    """What differs between two splits: the time saved, the answers, both; or neither, as far as can be seen."""

    EFFICIENCY = "efficiency"
    QUALITY = "quality"
    BOTH = "efficiency and quality"
    NOTHING = "nothing shown"


@dataclass(frozen=True, slots=True)
class Spread:
    """What the uncertainty of a cell is made of: parts of the variance of its gain (log squared), over all its
    sessions, and `quality`, the variance of its mean quality difference. None where it cannot be told.

    `session`: between processes; `pair`: one timing against its neighbour, as the null arm shows it; `input`: what the
    candidate scatters beyond that, from document to document. `dominant`: the largest of the four, gains in units of
    the smallest gain worth having and quality in units of what may be lost.
    """

    session: float | None
    pair: float | None
    input: float | None
    quality: float | None
    dominant: str | None


@dataclass(frozen=True, slots=True)
class SplitGain:
    """A cell on one split: its gain with its own two-sided interval, and its quality candidate minus baseline."""

    split: str
    gain: float | None
    low: float | None
    high: float | None
    sessions: int
    quality: float | None
    quality_low: float | None
    quality_high: float | None
    spread: Spread


@dataclass(frozen=True, slots=True)
class Part:
    """What a part of the documents of one split loses or gains; `ucb` holds for all parts of the cell together."""

    split: str
    n: int
    difference: float
    ucb: float


@dataclass(frozen=True, slots=True)
class PartTransfer:
    """A part that documents of several splits have, such as the shortest third, on each of them."""

    name: str
    splits: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """What `before` shows beyond `after`, two splits: `gain` (log) and `quality` (fraction of 1), each with its
    two-sided interval; quality is None where it was not scored on both.

    `work_log`: the same difference of the gain that FLOPs alone would give, as the witness counted them: 0 where both
    splits were spared the same work. `cause`: which of the two is known to differ, the gain by more than is called
    the same.
    """

    before: str
    after: str
    gain: float
    low: float
    high: float
    quality: Estimate | None
    work_log: float | None
    cause: Cause


@dataclass(frozen=True, slots=True)
class Transfer:
    """One shape on every split that it was measured on. `gaps`: between neighbours, and over the whole way."""

    shape: Shape
    splits: tuple[SplitGain, ...]
    parts: tuple[PartTransfer, ...]
    gaps: tuple[Gap, ...]

    @property
    def whole(self) -> Gap | None:
        """From development to the holdout; None where one of them has no number."""
        return next((gap for gap in self.gaps if (gap.before, gap.after) == (DEVELOPMENT, HOLDOUT)), None)
