"""Screen and confirm: for grids too large to measure every cell well.

A cheap one-sided screen keeps the cells that may gain; only fresh sessions of those are judged, with Holm among them.
The screening estimate is never returned: it was selected (2-statistics, rule 8).
"""

from collections.abc import Callable, Sequence

from ace.domain.estimate import Comparison
from ace.stats import student
from ace.stats.cells import compare_cells, read_cells, shared_yardsticks
from ace.stats.paired import estimable
from ace.stats.sessions import gather

SCREEN_LEVEL = 0.05


def screen(cells: Sequence[tuple[object, object]], *, level: float = SCREEN_LEVEL) -> tuple[int, ...]:
    """Indices of cells whose gain is above 0 by a one-sided test at `level`, each cell on its own."""
    evidence = gather(read_cells(cells), margin=0.0, order="interleaved")
    indices = [index for index, e in enumerate(evidence) if estimable(e)]
    yardsticks = shared_yardsticks([evidence[index] for index in indices], confidence=1 - level)
    return tuple(
        index
        for index, yardstick in zip(indices, yardsticks, strict=True)
        if student.upper_tail(yardstick.t(float(evidence[index].gains.mean())), yardstick.df) <= level
    )


def screen_and_confirm(
    cells: Sequence[tuple[object, object]],
    remeasure: Callable[[int], tuple[object, object]],
    *,
    margin: float = 0.01,
    confidence: float = 0.95,
) -> dict[int, Comparison]:
    """Confirmed comparisons by cell index; `remeasure` is asked for fresh sessions of each survivor of the screen."""
    survivors = screen(cells)
    fresh = [remeasure(index) for index in survivors]
    return dict(zip(survivors, compare_cells(fresh, margin=margin, confidence=confidence), strict=True))
