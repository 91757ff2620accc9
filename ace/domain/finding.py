"""The answer of one gate or one skeptic rule, with what it rests on and what to do next.

Made in `ace.decide`, shown by `ace.report`. Four outcomes: a check never answers with a default for what is missing.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a check answers (4-rules). For a skeptic rule FAIL means that it fires."""

    PASS = "PASS"
    FAIL = "FAIL"
    NO_EVIDENCE = "NO_EVIDENCE"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Severity(StrEnum):
    """What follows when it fails: a gate enters the verdict; block, downgrade and warn are the skeptic's."""

    GATE = "gate"
    BLOCK = "block"
    DOWNGRADE = "downgrade"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """`cell` is None for a finding about the whole claim, else the cell's key such as `development 64x1`."""

    name: str
    outcome: Outcome
    severity: Severity
    cell: str | None
    evidence: str
    threshold: str
    next_step: str
