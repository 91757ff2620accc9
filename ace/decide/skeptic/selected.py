"""Rule selected: is the headline the largest of many, and how much of it is luck?

The best of k cells is too large on average. All of development's gains are shrunk towards their mean by the share of
their spread that is noise (empirical Bayes, `ace.stats.selection`); the holdout's gain needs no such correction.
"""

import math
from collections.abc import Iterable, Iterator
from statistics import stdev

import numpy as np

from ace.decide.estimates import CellEstimate
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.plan import DEVELOPMENT
from ace.domain.policy import Policy
from ace.domain.wording import percent
from ace.stats.selection import best_of

NAME, RAW_OVER_SHRUNK = "selected", 1.5


def selected(cells: Iterable[CellEstimate], policy: Policy) -> Iterator[Finding]:
    """Once for the claim: the largest gain on development against what remains of it."""
    threshold = f"the largest gain <= {RAW_OVER_SHRUNK:g} x what remains of it when it is known to be the largest"
    usable = [(cell, error) for cell in cells if cell.cell.split == DEVELOPMENT and (error := _error(cell))]
    gains = [cell.own.gain for cell, _ in usable if cell.own.gain is not None]

    def answer(outcome: Outcome, evidence: str, step: str = "") -> Finding:
        return Finding(NAME, outcome, Severity.WARN, None, evidence, threshold, step)

    if not usable:
        yield answer(Outcome.NO_EVIDENCE, "no development cell has a gain with its error", "measure more sessions")
        return
    if len(usable) == 1:
        yield answer(Outcome.NOT_APPLICABLE, "one development cell: there was nothing to choose from")
        return
    if max(gains) <= policy.same_within:
        yield answer(Outcome.NOT_APPLICABLE, f"the largest of {len(gains)} gains is no more than the margin")
        return
    best = best_of(np.array(gains), np.array([error for _, error in usable]))
    shown = (
        f"{usable[best.index][0].key} gains {percent(best.raw)}, the most of {len(gains)} cells; {percent(best.shrunk)}"
    )
    shown += " once that is allowed for"
    if best.raw > RAW_OVER_SHRUNK * best.shrunk:
        yield answer(
            Outcome.FAIL, shown, "quote the smaller number, or the holdout's gain, which no choice was made on"
        )
    else:
        yield answer(Outcome.PASS, shown)


def _error(cell: CellEstimate) -> float | None:
    """Standard error of a cell's gain over its sessions; None where it has none."""
    gains = cell.own.session_gains
    if cell.own.gain is None or len(gains) < 2:
        return None
    return stdev(gains) / math.sqrt(len(gains)) or None
