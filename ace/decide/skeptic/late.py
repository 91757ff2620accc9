"""Rule late work: is an arm's work done when its call returns, and does nothing work beside the arms?

Four looks: processor time of each arm's timed calls (a thread that the candidate left shows in the baseline's),
processor time in windows in which nothing should run, that of children during the timed rounds, and outputs that
change after they were returned.
"""

from collections.abc import Iterator, Sequence

from ace.decide.asking import named
from ace.decide.estimates import CellEstimate
from ace.decide.skeptic.bounds import (
    LEAST_SESSIONS,
    MEASURE,
    NO_SESSION,
    answering,
    beyond,
    both_visited,
    few,
    visited,
)
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.session import BASELINE, CANDIDATE, NULL, Session

BUSY = 1.1  # times the threads given: clocks of wall and CPU are not read at the same instant
IDLE_SHARE = 0.25  # of a processor, in a window of 20 ms: a thread pool may spin for some of it
CHILDREN_SHARE = 0.1  # of a processor, over the timed rounds
WAIT = "let the call wait for its threads, processes and streams, end what it started, then measure again"


def late_work(cell: CellEstimate, policy: Policy) -> Finding:
    """Every look over all sessions; the first that shows something is told."""
    threshold = (
        f"CPU time <= {BUSY:g} x threads x wall time in every arm, idle windows <= {IDLE_SHARE:.0%} of a processor, "
        f"children <= {CHILDREN_SHARE:.0%} of one (bounds over sessions); returned outputs do not change"
    )
    answer = answering("late work", cell.key, threshold)
    sessions = cell.cell.sessions
    if not sessions:
        return answer(Outcome.NO_EVIDENCE, NO_SESSION, MEASURE)
    changed = [
        f"session {s.index} {v.arm}: {v.late_error:.2g}"
        for s in sessions
        for v in s.probes.visits
        if not v.late_error <= policy.output_tolerance
    ]
    if changed:
        text = f"outputs changed after they had been returned: {named(changed)}; what came later was not timed"
        return answer(Outcome.FAIL, text, WAIT)
    usable = both_visited(sessions)
    busy = [*_running_on(usable), *_busy(sessions), *_children(sessions)]  # the nearest to its cause first
    if busy:
        return answer(Outcome.FAIL, f"{named(busy)}{_left_over(sessions)}; work outside a call is paid by others", WAIT)
    if len(usable) < LEAST_SESSIONS:
        return answer(Outcome.NO_EVIDENCE, few(len(usable)), "measure more sessions")
    shown = f"no arm works beside its calls in {len(usable)} sessions{_left_over(sessions)}"
    return answer(Outcome.PASS, shown)


def _busy(sessions: Sequence[Session]) -> Iterator[str]:
    """Arms whose timed calls spend more processor time than their threads can."""
    for arm in (BASELINE, NULL, CANDIDATE):
        used = [
            sum(t.cpu_s) / sum(t.wall_s) / s.environment.threads for s in sessions for t in s.timings if t.arm == arm
        ]
        if beyond(used, BUSY):
            yield f"{arm}: {sum(used) / len(used):.2f} x its threads' time in timed calls"


def _running_on(sessions: Sequence[Session]) -> Iterator[str]:
    """Arms after whose calls something runs on. Further threads of a pool may spin a while."""
    seen = [(visited(s, "busy_s"), visited(s, "idle_s")) for s in sessions]
    spinning = max((s.environment.threads - 1 for s in sessions), default=0)
    for arm in (BASELINE, CANDIDATE):
        shares = [busy_s[arm] / idle_s[arm] for busy_s, idle_s in seen]
        if beyond(shares, IDLE_SHARE + spinning):
            yield f"after a call of the {arm}: {sum(shares) / len(shares):.2f} processors busy in an idle window"


def _children(sessions: Sequence[Session]) -> Iterator[str]:
    shares = [s.probes.company.children_s / s.measuring_s for s in sessions]
    if beyond(shares, CHILDREN_SHARE):
        yield f"children: {sum(shares) / len(shares):.2f} processors busy during the timed rounds"


def _left_over(sessions: Sequence[Session]) -> str:
    """Children and threads that were not there before the executor's code was loaded."""
    names = sorted({name for s in sessions for name in s.probes.company.children_after})
    threads = max(s.probes.company.threads_after - s.probes.company.threads_before for s in sessions)
    told = ([f"children left: {named(names)}"] if names else []) + ([f"{threads} new threads"] if threads > 0 else [])
    return f" ({', '.join(told)})" if told else ""
