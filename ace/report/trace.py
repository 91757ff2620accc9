"""The gate trace as rows: one a gate, with the answer that decides it and all the others behind it.

Used by memo, page and terminal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ace.domain.decision import overall
from ace.domain.finding import Finding, Outcome

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """`evidence`, `threshold`, `next_step`: of the finding that decides. `findings`: all of them."""

    name: str
    outcome: Outcome
    evidence: str
    threshold: str
    next_step: str
    findings: tuple[Finding, ...]


def rows(findings: Sequence[Finding]) -> list[Row]:
    """One row a name, in the order of first appearance."""
    by_name: dict[str, list[Finding]] = {}
    for finding in findings:
        by_name.setdefault(finding.name, []).append(finding)
    return [_row(name, own) for name, own in by_name.items()]


def _row(name: str, findings: list[Finding]) -> Row:
    outcome = overall(findings)
    telling = [f for f in findings if f.outcome is outcome]
    first = telling[0]
    more = f" (and {len(telling) - 1} more {outcome.value})" if len(telling) > 1 else ""
    place = f"{first.cell}: " if first.cell else ""
    return Row(
        name, outcome, f"{place}{first.evidence}{more}", first.threshold, first.next_step or NOTHING, tuple(findings)
    )
