"""The timings of sessions as tables: which arms there are, the seconds of two of them side by side, a typical second.

Used wherever `decide` turns records into numbers.
"""

from collections.abc import Sequence
from statistics import median

from ace.domain.record import BASELINE, CANDIDATE, NULL, Session

Seconds = list[tuple[float, ...]]
"""(sessions, rounds)"""


def arms_of(sessions: Sequence[Session]) -> tuple[str, ...]:
    """The arms that every session timed."""
    timed = [{t.arm for t in session.timings} for session in sessions]
    return tuple(arm for arm in (BASELINE, NULL, CANDIDATE) if timed and all(arm in names for names in timed))


def arm_seconds(sessions: Sequence[Session], *arms: str) -> tuple[Seconds, Seconds]:
    """Wall seconds of two arms, (sessions, rounds) each, from the sessions that timed both.

    Sessions of different length are cut to the shortest at the end, in whole blocks: a table has one width.
    """
    usable = [s for s in sessions if set(arms) <= {t.arm for t in s.timings}]
    rounds = min((len(s.order) for s in usable), default=0)
    rounds -= rounds % 2
    first, second = ([s.wall_s(arm)[:rounds] for s in usable] for arm in arms)
    return first, second


def typical_seconds(sessions: Sequence[Session], arm: str, cut_rounds: int) -> float:
    """Median over sessions of each session's median seconds per call, warm-up cut."""
    return median(median(s.wall_s(arm)[min(cut_rounds, len(s.order) - 1) :]) for s in sessions)
