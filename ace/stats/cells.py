"""`compare_cells`: a declared grid judged as one family.

Intervals hold simultaneously (Dunn 1961) with the pooled variance of Smyth (2004); answers are Holm's (1979), each
cell entering with the p-value of the strongest of its three possible answers; directional errors are covered for
independent cells (Shaffer 1980, Finner 1999).
"""

import math
from collections.abc import Sequence

import numpy as np

from ace.domain.estimate import Answer, Comparison
from ace.errors import EvidenceError
from ace.stats import student
from ace.stats.intake import FloatArray, check_request, read_pair
from ace.stats.multiplicity import holm_adjusted, simultaneous_level
from ace.stats.paired import Verdict, Yardstick, conclude, estimable, unestimated
from ace.stats.pooling import moderated
from ace.stats.sessions import Evidence, gather


def compare_cells(
    cells: Sequence[tuple[object, object]],
    margin: float = 0.01,
    confidence: float = 0.95,
    order: str = "interleaved",
    blocks: Sequence[str] | None = None,
) -> list[Comparison]:
    """Judge a grid of (baseline, candidate) tables, in the same order; `p_value` is Holm's, intervals simultaneous.

    blocks: where each cell was measured, its host; cells learn their spread from others of their block alone.
    """
    if blocks is not None and len(blocks) != len(cells):
        raise EvidenceError(f"blocks: got {len(blocks)} for {len(cells)} cells; expected one for each")
    check_request(margin, confidence, order)
    evidence = gather(read_cells(cells), margin, order)
    family = {index: e for index, e in enumerate(evidence) if estimable(e)}
    places = None if blocks is None else [blocks[index] for index in family]
    yardsticks = shared_yardsticks(list(family.values()), confidence, places)
    verdicts = family_verdicts(list(family.values()), yardsticks, margin, confidence)
    judged = {
        index: conclude(e, yardstick, margin, verdict)
        for (index, e), yardstick, verdict in zip(family.items(), yardsticks, verdicts, strict=True)
    }
    return [judged.get(index) or unestimated(e) for index, e in enumerate(evidence)]


def read_cells(cells: Sequence[tuple[object, object]]) -> list[tuple[FloatArray, FloatArray]]:
    """Logs of every cell; an EvidenceError says which cell it is about."""
    pairs = []
    if not isinstance(cells, Sequence | np.ndarray) or isinstance(cells, str):
        raise EvidenceError(f"cells: got {type(cells).__name__}; expected a list of (baseline, candidate) pairs")
    for index, cell in enumerate(cells):
        if not isinstance(cell, list | tuple | np.ndarray) or len(cell) != 2:
            raise EvidenceError(f"cell {index}: got {type(cell).__name__}; expected a (baseline, candidate) pair")
        try:
            pairs.append(read_pair(*cell))
        except EvidenceError as error:
            raise EvidenceError(f"cell {index}: {error}") from error
    return pairs


def shared_yardsticks(
    evidence: Sequence[Evidence], confidence: float, blocks: Sequence[str] | None = None
) -> list[Yardstick]:
    """Spread of each cell, pooled within its block, with the critical value that makes all intervals hold together."""
    if not evidence:
        return []
    sizes = np.array([float(len(e.gains)) for e in evidence])
    variances, dfs = np.array([e.gains.var(ddof=1) for e in evidence]), sizes - 1
    places = np.array(blocks if blocks is not None else [""] * len(evidence))
    for place in np.unique(places):
        inside = places == place
        variances[inside], dfs[inside] = moderated(variances[inside], dfs[inside])
    level = 1 - simultaneous_level(confidence, len(evidence))
    return [
        Yardstick(math.sqrt(variance), math.sqrt(variance / size), df, student.critical(df, level), level)
        for variance, size, df in zip(variances.tolist(), sizes.tolist(), dfs.tolist(), strict=True)
    ]


def family_verdicts(
    evidence: Sequence[Evidence], yardsticks: Sequence[Yardstick], margin: float, confidence: float
) -> list[Verdict]:
    """Holm's answers over all cells that can be estimated."""
    if not evidence:
        return []
    gain = np.array([e.gains.mean() for e in evidence])
    error = np.array([y.error for y in yardsticks])
    df = np.array([y.df for y in yardsticks])
    threshold = math.log1p(margin)
    claims = (Answer.FASTER, Answer.SLOWER, Answer.SAME)
    distance = np.stack([gain - threshold, -threshold - gain, threshold - np.abs(gain)]) / error  # (3, cells)
    strongest = distance.argmax(axis=0)
    adjusted = holm_adjusted(two_sided(distance.max(axis=0), df))
    difference = holm_adjusted(two_sided(np.abs(gain) / error, df))
    return [
        Verdict(claims[strongest[i]] if adjusted[i] <= 1 - confidence else Answer.INCONCLUSIVE, float(difference[i]))
        for i in range(len(evidence))
    ]


def two_sided(t: FloatArray, df: FloatArray) -> FloatArray:
    """Two-sided p-values, at most 1."""
    tails = [student.upper_tail(*pair) for pair in zip(t.tolist(), df.tolist(), strict=True)]
    p_values: FloatArray = np.minimum(1.0, 2 * np.array(tails))
    return p_values
