"""The timings of sessions as tables: which arms there are, the seconds of two of them side by side, a typical second,
and every session as a number for plots.

Used wherever `decide` turns records into numbers.
"""

import math
from collections.abc import Sequence
from statistics import median

from ace.domain.mapping import SessionSeries
from ace.domain.session import BASELINE, CANDIDATE, NULL, Session

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


def series_of(
    sessions: Sequence[Session], gains: Sequence[float], null_gains: Sequence[float], cut_rounds: int
) -> SessionSeries:
    """What a plot needs to show every session: its gains as they were compared, and its baseline over time.

    gains, null_gains: natural logs, one a session, of sessions or of imported timings.
    """
    timed = [session for session in sessions if any(t.arm == BASELINE for t in session.timings)]
    seconds = [typical_seconds([session], BASELINE, cut_rounds) for session in timed]
    middle = median(seconds) if seconds else 1.0
    return SessionSeries(
        gains=tuple(gains),
        null_gains=tuple(null_gains),
        started_at=tuple(session.started_at for session in timed),
        baseline_s=tuple(seconds),
        drift_log=tuple(math.log(value / middle) for value in seconds),
    )
