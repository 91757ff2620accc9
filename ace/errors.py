"""Every error ACE raises on purpose.

    AceError
    +-- PlanError          what was asked for cannot be run: names the key, the value and what is allowed
    +-- DataError          a model or corpus file is missing or altered: names the file and the command that mends it
    +-- MeasurementError   an arm, a worker or a session misbehaved: becomes a Failure in the record
    +-- EvidenceError      numbers or records that cannot be judged: names the session and timing, or the field
    +-- StoreError         the tracking store cannot be opened, read or written

An AceError is shown to the user as its one line, without a traceback; anything else is a bug and rises with one.
"""


class AceError(Exception):
    """The root: an error whose text is meant for the user."""


class PlanError(AceError):
    """What was asked for cannot be run."""


class DataError(AceError):
    """A model or corpus file is missing or altered."""


class MeasurementError(AceError):
    """An arm, a worker or a session misbehaved."""


class EvidenceError(AceError, ValueError):
    """Numbers or records that cannot be judged."""


class StoreError(AceError):
    """The tracking store cannot be opened, read or written."""
