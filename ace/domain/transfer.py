"""How a gain travels from the documents it was chosen on to those that nobody had seen: `transfer.json` of a bundle.

Computed by `ace.decide.transfer`, part of the Decision, written down by `ace.report`. Gains are logs.
"""

from dataclasses import dataclass

from ace.domain.plan import Shape


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


@dataclass(frozen=True, slots=True)
class Gap:
    """Development minus holdout, with its two-sided interval."""

    gain: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Transfer:
    """One shape on every split that it was measured on; `gap` is None where the holdout was not opened."""

    shape: Shape
    splits: tuple[SplitGain, ...]
    gap: Gap | None
