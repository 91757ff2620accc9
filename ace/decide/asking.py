"""How gates and rules put their answers: one short constructor each, so that every finding has the same parts.

A finding says what was seen, against which threshold, and what to do next. It names no culprit.
"""

from ace.domain.finding import Finding, Outcome, Severity

NOTHING_TO_DO = ""
SHOWN = 3
"""How many of a list are named before the rest is counted."""


def gate(
    name: str, outcome: Outcome, evidence: str, threshold: str, next_step: str = NOTHING_TO_DO, cell: str | None = None
) -> Finding:
    """The answer of a gate."""
    return Finding(name, outcome, Severity.GATE, cell, evidence, threshold, next_step)


def passed(condition: bool) -> Outcome:
    """PASS or FAIL, for questions that are always answered."""
    return Outcome.PASS if condition else Outcome.FAIL


def named(items: list[str], most: int = SHOWN) -> str:
    """`a, b, c and 4 more`."""
    return some_named(items[:most], len(items))


def some_named(first: list[str], of: int) -> str:
    """The same, of so many of which only these are at hand."""
    return ", ".join(first) + (f" and {of - len(first)} more" if of > len(first) else "")
