"""What several experiments of a family say together of the same shapes, and where they contradict each other.

Made by `ace.decide.consensus` from finished decisions, told by `ace.report.consensus`. It claims nothing: every member
has a verdict of its own, and gains of different ideas are never pooled.
"""

from dataclasses import dataclass
from enum import StrEnum

from ace.domain.plan import Shape
from ace.domain.verdict import Regime, Verdict

CONSENSUS_SCHEMA_VERSION = 2


class Agreement(StrEnum):
    """What the members say of one shape together."""

    AGREED = "agreed"  # the same regime in every member
    DISAGREED = "disagreed"  # two of them say what excludes each other
    OPEN = "open"  # neither: one is unresolved or was not measured there, or regimes differ while bands overlap


@dataclass(frozen=True, slots=True)
class Member:
    """One experiment of the family. `bundle`: digest of its decision bundle, which tells all about it."""

    experiment: str
    claim: str
    label: str
    verdict: Verdict
    bundle: str


@dataclass(frozen=True, slots=True)
class Voice:
    """What one member says of a shape on development: the band of its own map."""

    experiment: str
    regime: Regime
    gain: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Place:
    """One shape with all that is said of it. `lacking`: members that did not measure it. `regime`: what is agreed on,
    None without agreement. `apart`: pairs of resolved members whose bands do not overlap, although they may be of one
    regime."""

    shape: Shape
    voices: tuple[Voice, ...]
    lacking: tuple[str, ...]
    agreement: Agreement
    regime: Regime | None
    apart: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Consensus:
    """`everywhere`: shapes at which every member was measured and is positive: what may be said of the family.
    `differing`: conditions (model, processor, torch, split documents) in which members differ, so that a disagreement
    may be theirs and not the ideas'."""

    schema_version: int
    members: tuple[Member, ...]
    places: tuple[Place, ...]
    everywhere: tuple[Shape, ...]
    differing: tuple[str, ...]
