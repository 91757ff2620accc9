"""Rule clock: do the seconds of a session fit into those that others saw pass?

The parent reads a clock of its own around the timed rounds, in a process that never loads an executor. It also counts
that the functions which measured are still the ones that were there before the executor's code was loaded.
A CUDA board dates the same calls by a clock of its own.
"""

import statistics
from collections.abc import Iterator

from ace.decide.asking import named
from ace.decide.estimates import CellEstimate
from ace.decide.skeptic.bounds import MEASURE, NO_SESSION, answering
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.session import Session

APART_S, APART_SHARE = 0.25, 0.05  # a parent that has to wait for a processor stamps late
ONE_LATE = 1  # session whose parent was stopped or starved in between tells nothing
BOARD_SHARE, BOARD_S = 0.02, 50e-6
"""The marks lie around the reading of the other clocks. What lies between on a board that idles is the launch of two
events and the return of a wait, some microseconds each; no board was there to measure it, so ten times that is let."""


def clock(cell: CellEstimate, _: Policy) -> Finding:
    """Seconds of the session's clock against those of the parent's, session by session."""
    threshold = (
        f"both clocks within {APART_SHARE:.0%} + {APART_S:g} s, timed calls within them, in all sessions but one; "
        f"the clock of a CUDA board within {BOARD_SHARE:.0%} + {1e6 * BOARD_S:g} us of a call of each arm"
    )
    answer = answering("clock", cell.key, threshold)
    sessions = cell.cell.sessions
    if not sessions:
        return answer(Outcome.NO_EVIDENCE, NO_SESSION, MEASURE)
    replaced = sorted({name for s in sessions for name in s.probes.clock.replaced})
    if replaced:
        return answer(
            Outcome.FAIL,
            f"replaced while the session ran: {named(replaced)}; its numbers come from these functions",
            "leave clocks and the functions of ace.measure as they are, then measure this cell again",
        )
    apart = [text for s in sessions if (text := _apart(s))]
    if len(apart) > ONE_LATE:
        return answer(
            Outcome.FAIL,
            f"{len(apart)} of {len(sessions)} sessions: {named(apart)}; timings that fit into no real time are no gain",
            "find out what changes the clock of the session, or what keeps its parent waiting, and measure again",
        )
    otherwise = [text for s in sessions for text in _otherwise_on_its_board(s)]
    if otherwise:
        return answer(
            Outcome.FAIL,
            f"by the clock of the board {named(otherwise)}; timings that one of two clocks shows are no gain",
            "find out what changes the clock of the session, or what the device does between calls, and measure again",
        )
    unseen = [f"session {s.index}: {s.probes.clock.reason}" for s in sessions if s.probes.clock.parent_s is None]
    unseen += [f"session {s.index}: its board dated no calls" for s in sessions if _undated(s)]
    if unseen:
        return answer(Outcome.NO_EVIDENCE, named(unseen), "measure this cell again")
    shown = f"session and parent agree in {len(sessions) - len(apart)} of {len(sessions)} sessions"
    return answer(Outcome.PASS, f"{shown}; {apart[0]}" if apart else shown)


def _apart(session: Session) -> str | None:
    parent_s = session.probes.clock.parent_s
    if parent_s is None:
        return None
    allowed = APART_S + APART_SHARE * parent_s
    # by the timings too: a sum that stands beside them could be any number
    timed_s = max(session.timed_s, session.calls_per_timing * sum(sum(t.wall_s) for t in session.timings))
    if abs(session.measuring_s - parent_s) <= allowed and timed_s <= parent_s + allowed:
        return None
    return (
        f"session {session.index} counted {session.measuring_s:.2f} s ({timed_s:.2f} s of calls), "
        f"its parent {parent_s:.2f} s"
    )


def _undated(session: Session) -> bool:
    return session.environment.on_board and any(t.device_s is None for t in session.timings)


def _otherwise_on_its_board(session: Session) -> Iterator[str]:
    """Arms whose calls took another time by the board's clock: by the median, for one late mark tells nothing."""
    for timings in session.timings:
        if timings.device_s is None or not timings.wall_s:
            continue
        apart_s = statistics.median(d - w for d, w in zip(timings.device_s, timings.wall_s, strict=True))
        wall_s = statistics.median(timings.wall_s)
        if abs(apart_s) > BOARD_SHARE * wall_s + BOARD_S:
            yield f"session {session.index}: {timings.arm} {1e3 * (wall_s + apart_s):.3g} ms, not {1e3 * wall_s:.3g} ms"
