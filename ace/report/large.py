"""What is shown of a large map one by one: an even sample. The map itself, every count and every verdict are of all
cells, and the whole stands in the files beside the page.

Used by page, pictures and terminal: a page of ten thousand rows helps nobody and takes a browser minutes to open. Up
to LISTED cells nothing is left out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from ace.domain.decision import Attempt, Decision
from ace.domain.finding import Finding
from ace.report.trace import Row

LISTED = 200
"""Cells, rows of a table, answers of one gate, lines of a list."""
PANELS = 12
"""Curves of a map with more than LISTED cells."""
NAMED = 20
"""Cells of a claim that are named in one place, where they are more than LISTED."""
T = TypeVar("T")


def spread(items: Sequence[T], most: int) -> tuple[T, ...]:
    """At most so many (two or more), evenly from the first to the last."""
    if len(items) <= most:
        return tuple(items)
    return tuple(items[place * (len(items) - 1) // (most - 1)] for place in range(most))


def is_large(decision: Decision) -> bool:
    """Whether not every cell is listed."""
    return len(decision.cells) > LISTED


def whole(decision: Decision) -> str:
    """The file of a bundle in which every row stands."""
    return "decision.json" if is_large(decision) else "report.html"


def sampled(decision: Decision) -> Decision:
    """The decision with those cells that are listed, what is said of them, and no more attempts than are listed."""
    if not is_large(decision):
        return decision
    cells = spread(decision.cells, LISTED)
    keys, shapes = {cell.cell for cell in cells}, {cell.shape for cell in cells}
    explained = tuple(cell for cell in decision.mechanism.cells if cell.cell in keys)
    return replace(
        decision,
        cells=cells,
        mechanism=replace(decision.mechanism, cells=explained),
        transfer=tuple(found for found in decision.transfer if found.shape in shapes),
        attempts=_attempts(decision.attempts),
    )


def _attempts(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Those that are not on the map first: the others look alike."""
    return tuple(sorted(attempts, key=lambda attempt: attempt.used)[:LISTED])


def note(decision: Decision) -> str | None:
    """What stands above the map; None where everything is listed."""
    if not is_large(decision):
        return None
    return (
        f"Tables, curves and sessions show {LISTED} of {len(decision.cells)} cells, evenly spread over the map; the "
        "map itself and all counts are of all. Every cell is in decision.json, regime.csv, gain.csv, sessions.csv, "
        "drift.csv and transfer.json."
    )


def answers(row: Row, decision: Decision) -> tuple[Finding, ...]:
    """The answers of one gate; of a large map no more than are listed, those first that decide it."""
    if not is_large(decision):
        return row.findings
    return tuple(sorted(row.findings, key=lambda finding: finding.outcome is not row.outcome)[:LISTED])


def of_each(findings: Sequence[Finding], decision: Decision) -> list[Finding]:
    """In their order; of a large map no more of one rule than are listed."""
    if not is_large(decision):
        return list(findings)
    told: Counter[str] = Counter()
    kept = []
    for finding in findings:
        told[finding.name] += 1
        if told[finding.name] <= LISTED:
            kept.append(finding)
    return kept


def lines(told: Sequence[str], decision: Decision) -> list[str]:
    """Of a large map no more lines than are listed, and where the others are."""
    if not is_large(decision) or len(told) <= LISTED:
        return list(told)
    return [*told[:LISTED], f"and {len(told) - LISTED} more in {whole(decision)}"]


def named(cells: Sequence[str]) -> str:
    """`development 64x1, development 64x2 and 998 more`; all of them up to LISTED."""
    if len(cells) <= LISTED:
        return ", ".join(cells)
    return f"{', '.join(cells[:NAMED])} and {len(cells) - NAMED} more"
