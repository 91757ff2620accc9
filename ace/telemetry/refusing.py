"""The two ways in which a source says no: before a comparison (the next one is tried) and within a window (it is lost).

`REASONS` are the only names that may be given; a record, the doctor and the documentation quote them.
"""

from ace.errors import MeasurementError

REASONS = (
    "no library",
    "missing symbol",
    "version mismatch",
    "no driver",
    "no permission",
    "not supported",
    "no device",
    "no source",
    "ambiguous device",
    "device hidden",
    "other device",
    "MIG slice",
    "not set",
    "not a number",
    "implausible",
    "garbage",
    "timed out",
    "failed",
    "not this system",
    "device lost",
    "counter reset",
    "counter stuck",
    "source vanished",
    "throttled",
    "aliased",
    "window too short",
)


class Refused(MeasurementError):
    """A source gives no reading. `reason`: one of REASONS; the text is for people and says what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        assert reason in REASONS, reason
        super().__init__(detail)
        self.reason = reason
