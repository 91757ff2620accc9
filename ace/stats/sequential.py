"""`compare_sequential`: the answer after the sessions so far, without paying for having looked.

The maximum is declared before the first session; each look has an O'Brien-Fleming boundary, and the interval shown is
the repeated confidence interval of Jennison & Turnbull (1989), which holds at all looks together.  Measurement hands
over all sessions so far and stops when the answer is not inconclusive.
"""

import dataclasses

from ace.domain.estimate import Comparison
from ace.errors import EvidenceError
from ace.stats.boundaries import constant, nominal_level, repeated_p
from ace.stats.intake import check_request, read_pair
from ace.stats.paired import conclude, estimable, own_yardstick, unestimated
from ace.stats.sessions import gather

BOUNDARIES = ("obrien-fleming",)
LEAST_LEVEL = 1e-250  # below it the critical value of t leaves float64


def compare_sequential(
    baseline: object,
    candidate: object,
    max_sessions: int = 20,
    boundary: str = "obrien-fleming",
    margin: float = 0.01,
    confidence: float = 0.95,
    order: str = "interleaved",
) -> Comparison:
    """Judge the sessions so far; few are inconclusive, more than declared are an EvidenceError."""
    check_request(margin, confidence, order)
    if boundary not in BOUNDARIES:
        raise EvidenceError(f"boundary={boundary!r}; expected one of {', '.join(BOUNDARIES)}")
    constant(max_sessions, confidence)  # refuses an impossible design before looking at data
    [evidence] = gather([read_pair(baseline, candidate)], margin, order)
    looks = evidence.sessions
    if looks > max_sessions:
        raise EvidenceError(
            f"session {max_sessions}, timing 0: {looks} sessions were measured but max_sessions={max_sessions} was "
            f"declared; a fixed design is never tested again after more data"
        )
    if not estimable(evidence):
        return unestimated(evidence)
    level = nominal_level(looks, max_sessions, confidence)
    if level < LEAST_LEVEL:  # so early that no gain could cross the boundary
        return unestimated(evidence)
    yardstick = own_yardstick(evidence, level, 1 - confidence)
    seen = conclude(evidence, yardstick, margin)
    assert seen.p_value is not None  # there was a spread
    return dataclasses.replace(seen, p_value=repeated_p(seen.p_value, looks, max_sessions, confidence))
