"""`compare_cells`: a declared grid judged as one family.

Intervals hold simultaneously (Sidak 1967) with the pooled variance of Smyth (2004); answers are Holm's (1979), each
cell entering with the p-value of the strongest of its three possible answers; directional errors are covered for
independent cells (Shaffer 1980, Finner 1999).
"""

import math
from collections.abc import Sequence

import numpy as np

from ace.domain.estimate import Answer, Comparison
from ace.stats import student
from ace.stats.intake import FloatArray, check_request, read_pair
from ace.stats.multiplicity import holm_adjusted, simultaneous_level
from ace.stats.paired import Verdict, Yardstick, conclude, unestimated
from ace.stats.pooling import moderated
from ace.stats.sessions import STILL, Evidence, gather


def compare_cells(
    cells: Sequence[tuple[object, object]],
    *,
    margin: float = 0.01,
    confidence: float = 0.95,
    order: str = "interleaved",
) -> list[Comparison]:
    """Judge a grid of (baseline, candidate) tables, in the same order; `p_value` is Holm's, intervals simultaneous."""
    check_request(margin, confidence, order)
    evidence = gather([read_pair(*cell) for cell in cells], margin, order)
    estimable = [e for e in evidence if len(e.gains) >= 2 and e.gains.std(ddof=1) >= STILL]
    if not estimable:
        return [unestimated(e) for e in evidence]
    yardsticks = shared_yardsticks(estimable, confidence)
    verdicts = family_verdicts(estimable, yardsticks, margin, confidence)
    judged = {
        id(e): conclude(e, yardstick, margin, confidence, verdict)
        for e, yardstick, verdict in zip(estimable, yardsticks, verdicts, strict=True)
    }
    return [judged.get(id(e)) or unestimated(e) for e in evidence]


def shared_yardsticks(evidence: Sequence[Evidence], confidence: float) -> list[Yardstick]:
    """Pooled spread of each cell with the critical value that makes all intervals hold together."""
    dfs = np.array([len(e.gains) - 1.0 for e in evidence])
    variances, pooled_dfs = moderated(np.array([e.gains.var(ddof=1) for e in evidence]), dfs)
    level = (1 + simultaneous_level(confidence, len(evidence))) / 2
    return [
        Yardstick(math.sqrt(variance), float(df), student.quantile(float(df), level))
        for variance, df in zip(variances, pooled_dfs, strict=True)
    ]


def family_verdicts(
    evidence: Sequence[Evidence], yardsticks: Sequence[Yardstick], margin: float, confidence: float
) -> list[Verdict]:
    """Holm's answers over all cells that can be estimated."""
    gain = np.array([e.gains.mean() for e in evidence])
    error = np.array([y.deviation / math.sqrt(len(e.gains)) for e, y in zip(evidence, yardsticks, strict=True)])
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
    return np.minimum(1.0, np.array([2 * student.upper_tail(*pair) for pair in zip(t.tolist(), df.tolist(), strict=True)]))
