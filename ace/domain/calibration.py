"""What a machine can see: null and planted effects of known size, measured as any cell is.

Made by `ace.decide.calibration` from records, stored by tracking, shown by `ace-calibrate` and `ace-doctor`. It claims
nothing about any idea.
"""

from dataclasses import dataclass

from ace.domain.estimate import Answer

CALIBRATION_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Effect:
    """A planted effect. `expected`: its true log gain; `found` says whether the interval, widened by what is not known
    of the planted amount, holds it; gains are None where nothing could be estimated."""

    expected: float
    gain: float | None
    low: float | None
    high: float | None
    answer: Answer
    found: bool | None


@dataclass(frozen=True, slots=True)
class Needed:
    """Sessions that show a true log `effect` with 80 % chance; None where more than any protocol would be needed."""

    effect: float
    sessions: int | None


@dataclass(frozen=True, slots=True)
class ShapeCalibration:
    """One shape. `bias`: the gain of a candidate that changes nothing, with its interval, and `null` that of the null
    arm over all cells of the shape: both are truly 0. `smallest_visible`: what `sessions` show with 80 % chance, a log.
    `permuted_claims`: share of relabellings of baseline and null (exact, session by session) in which a difference
    would have been claimed, without and with the margin."""

    shape: str
    sessions: int
    bias: Effect
    null: Effect
    smallest_visible: float | None
    needed: tuple[Needed, ...]
    permuted_claims: float | None
    permuted_claims_with_margin: float | None
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """One host, one day. `margin`: what was called "same"."""

    schema_version: int
    host: str
    cpu_model: str
    threads: int
    protocol: str
    margin: float
    started_at: float
    package_digest: str
    shapes: tuple[ShapeCalibration, ...]
