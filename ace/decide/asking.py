"""How gates and rules put their answers: one short constructor each, so that every finding has the same parts.

A finding says what was seen, against which threshold, and what to do next. It names no culprit.
"""

from ace.domain.finding import Finding, Outcome, Severity

NOTHING_TO_DO = ""


def gate(
    name: str, outcome: Outcome, evidence: str, threshold: str, next_step: str = NOTHING_TO_DO, cell: str | None = None
) -> Finding:
    """The answer of a gate."""
    return Finding(name, outcome, Severity.GATE, cell, evidence, threshold, next_step)


def passed(condition: bool) -> Outcome:
    """PASS or FAIL, for questions that are always answered."""
    return Outcome.PASS if condition else Outcome.FAIL


def named(items: list[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
