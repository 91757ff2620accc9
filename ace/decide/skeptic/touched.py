"""Rule touched baseline: is the baseline that was timed the model as it was before the candidate came?

Its digest (weights, hooks, mode) is taken before and after; so are global settings and well-known functions of torch,
which it runs through as well; and in some sessions its speed.
"""

import math
from collections.abc import Iterator
from statistics import median

from ace.decide.asking import named
from ace.decide.estimates import CellEstimate
from ace.decide.skeptic.bounds import LEAST_SESSIONS, answering, beyond, lower_bound
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.domain.session import BASELINE, CANDIDATE, Session
from ace.domain.wording import percent

SLOWER = 0.10
FEW_DOUBT = 0.01  # one session in three meets the baseline first: at the level of other rules nothing could be seen
HARMLESS = ("grad mode",)  # every call is made in inference mode


def touched_baseline(cell: CellEstimate, _: Policy) -> Finding:
    """Everything that was taken before the candidate came, against what was there afterwards."""
    threshold = (
        "one baseline digest in all sessions of a measurement; settings and functions of torch as before; the baseline "
        f"not > {SLOWER:.0%} slower than before, by a bound over sessions"
    )
    answer = answering("touched baseline", cell.key, threshold)
    sessions = cell.cell.sessions
    digests = _digests(cell.cell.records)
    if not digests:
        return answer(Outcome.NO_EVIDENCE, "no session", "measure this cell")
    shown = f"at most {len(digests)} baseline(s) in a measurement, {len(sessions)} sessions: "
    shown += named([d[:12] for d in digests])
    if len(digests) > 1:
        return answer(
            Outcome.FAIL,
            f"{shown}; a gain is measured against one baseline",
            "find out what changed the model between sessions, then measure this cell again",
        )
    changed = sorted({change for s in sessions for change in _changes(s)})
    if changed:
        return answer(
            Outcome.FAIL,
            f"not as before the candidate: {named(changed)}; the baseline runs through these too",
            "set them inside the candidate's call and put them back, then measure this cell again",
        )
    waits = [text for text in [_waiting(sessions, cell.cell.newest.record.plan.protocol.threads)] if text]
    if waits:
        step = "find out what the baseline waits for while it is timed, then measure this cell again"
        return answer(Outcome.FAIL, waits[0], step)
    slower = [math.log(median(u.after_s) / median(u.before_s)) for s in sessions if (u := s.probes.untouched)]
    if not slower and len(sessions) >= LEAST_SESSIONS and BASELINE not in {r.planted for r in cell.cell.records}:
        unseen = "no session clocked the baseline before the candidate was there, and one in three should have"
        return answer(Outcome.NO_EVIDENCE, unseen, "measure this cell again")
    low = lower_bound(slower, FEW_DOUBT)
    if low is None:
        return answer(Outcome.PASS, f"{shown}; its speed was seen before and after in {len(slower)} sessions only")
    shown += f"; {percent(sum(slower) / len(slower))} slower than before in {len(slower)} sessions"
    if beyond(slower, math.log1p(SLOWER), FEW_DOUBT):
        step = "find out what slows the baseline down once the candidate is there, then measure this cell again"
        return answer(Outcome.FAIL, f"{shown}, at least {percent(low)}; beside a slower baseline all is fast", step)
    return answer(Outcome.PASS, shown)


def _waiting(sessions: tuple[Session, ...], threads: int) -> str | None:
    """Whether the baseline waits where the candidate computes: processor time over wall time, arm against arm. On one
    thread only: on several the arms may share the work out differently."""
    if threads > 1:
        return None
    shares = [{t.arm: sum(t.cpu_s) / sum(t.wall_s) for t in s.timings} for s in sessions]
    pairs = [(s[BASELINE], s[CANDIDATE]) for s in shares if min(s.get(BASELINE, 0.0), s.get(CANDIDATE, 0.0)) > 0]
    gaps = [math.log(min(own, 1.0) / base) for base, own in pairs]  # more than one thread's is another rule's matter
    if not beyond(gaps, math.log1p(SLOWER)):
        return None
    return (
        f"the baseline computes in {median(base for base, _ in pairs):.0%} of its timed calls' time, the candidate in "
        f"{median(own for _, own in pairs):.0%} of its own: a baseline that waits makes any candidate fast"
    )


def _digests(records: tuple[CellRecord, ...]) -> list[str]:
    """The most that one measurement has. Another seed of the model is another measurement, with weights of its own."""
    found = [{session.baseline_digest for session in record.sessions} for record in records]
    return max((sorted(some) for some in found), key=len, default=[])


def _changes(session: Session) -> Iterator[str]:
    yield from (change for change in session.probes.state_changed if not change.startswith(HARMLESS))
    yield from session.probes.functions_changed
