"""The verdicts, worst first as they are tried (4-rules). Only `ace.decide.verdict` makes one."""

from enum import StrEnum


class Verdict(StrEnum):
    """One per claim and scope."""

    INVALID = "INVALID"
    REJECTED_HARM = "REJECTED_HARM"
    REJECTED_NO_GAIN = "REJECTED_NO_GAIN"
    PROMISING_BUT_COMPLEX = "PROMISING_BUT_COMPLEX"
    EXPLORATORY = "EXPLORATORY"
    INCONCLUSIVE = "INCONCLUSIVE"
    ACCEPTED_WITHIN_ENVELOPE = "ACCEPTED_WITHIN_ENVELOPE"
    ACCEPTED = "ACCEPTED"


class Regime(StrEnum):
    """What one cell of the map shows (4-rules, regimes)."""

    POSITIVE = "positive"
    EDGE = "edge"
    BOUNDARY = "boundary"
    COLLAPSE = "collapse"
    UNRESOLVED = "unresolved"
