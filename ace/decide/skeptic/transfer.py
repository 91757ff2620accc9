"""Rule transfer gap: is the gain on sealed documents the one that development promised?

Same model and shape, other documents. A gap is no error; it is what a headline from development would have hidden.
"""

from collections.abc import Iterable, Iterator

from ace.decide.estimates import CellEstimate
from ace.decide.transfer import gap_of
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.plan import DEVELOPMENT, HOLDOUT
from ace.domain.policy import Policy
from ace.domain.wording import percent_within

NAME = "transfer gap"


def transfer_gaps(cells: Iterable[CellEstimate], policy: Policy) -> Iterator[Finding]:
    """Development minus holdout, cell by cell; once NO_EVIDENCE where the holdout has not been opened."""
    threshold = f"gain on development within {100 * policy.delta:g} % of that on the holdout, or not known to differ"
    by_place = {(cell.cell.split, cell.cell.shape): cell for cell in cells}
    held = [cell for cell in by_place.values() if cell.cell.split == HOLDOUT]
    if not held:
        step = "register the claim and open the holdout"
        text = "the holdout has not been opened"
        yield Finding(NAME, Outcome.NO_EVIDENCE, Severity.WARN, None, text, threshold, step)
    for cell in held:
        before = by_place.get((DEVELOPMENT, cell.cell.shape))
        gap = gap_of(before, cell, policy)
        if gap is None:
            continue
        fires = not gap.low <= 0 <= gap.high and abs(gap.gain) > policy.gain_floor
        seen = f"development gains {percent_within(gap.gain, gap.low, gap.high)} more than the holdout"
        step = "quote the holdout's gain, which no choice was made on" if fires else ""
        yield Finding(NAME, Outcome.FAIL if fires else Outcome.PASS, Severity.WARN, cell.key, seen, threshold, step)
