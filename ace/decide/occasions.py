"""A cell that was measured on several occasions is steady unless most of them, each by itself, show that it is not.

Used by `estimates`. The guard of `ace.stats` fires by chance in one steady measurement of twenty. The cell is measured
once more then, and what fired by chance would tend to fire again over both together; a warm-up that never settles fires
in each.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ace.domain.estimate import Comparison
from ace.domain.record import CellRecord
from ace.stats.paired import answer_of
from ace.stats.sessions import MIN_SESSIONS, NOT_STEADY


def over_occasions(
    found: Comparison, records: Sequence[CellRecord], alone: Callable[[CellRecord], Comparison], margin: float
) -> Comparison:
    """`found` over all `records`, without "not steady" where most measurements are. `alone`: one by itself.

    A measurement of fewer sessions than an answer needs has no voice: cut up finely enough, anything looks steady.
    """
    able = [record for record in records if len(record.sessions) >= MIN_SESSIONS]
    if NOT_STEADY not in found.reasons or len(able) < 2:
        return found
    moving = sum(NOT_STEADY in alone(record).reasons for record in able)
    if 2 * moving > len(able):
        return found
    reasons = tuple(reason for reason in found.reasons if reason != NOT_STEADY)
    if reasons or found.low is None or found.high is None:
        return replace(found, reasons=reasons)
    return replace(found, reasons=(), answer=answer_of(found.low, found.high, margin))
