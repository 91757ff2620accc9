"""A part of gate integrity: do the times of day of a record agree with the order in which things happen?

No gain rests on them: calls are timed by a clock that nobody can set. But which conditions are the newest, and whether
a claim was registered before its holdout was opened, is read off times of day, and a record whose sessions lie outside
of it may have been put together. So every attempt is told as a row of moments that can only follow one another, from
its registration and its look (of a holdout run) to the registration that rests on it.

A clock that is set back between two of them happens to honest people, whose clocks follow a time server: steps of up to
STEP_S in all within one attempt are told and pass. More is NO_EVIDENCE, never FAIL: times of day alone cannot tell a
clock that was set by an hour from a forgery, and what cannot be told apart must neither accept nor deny. (That a
registration precedes its holdout is kept by digests as well: the run names its look, the look its registration.)
"""

from collections.abc import Iterator
from itertools import pairwise

from ace.decide.asking import gate, named
from ace.decide.gather import Case
from ace.domain.finding import Finding, Outcome
from ace.domain.record import CellRecord
from ace.domain.stored import StoredCell

STEP_S = 60.0
"""A time server corrects by far less, and no part of a measurement that matters here is as short."""
TOLD_S = 0.1
"""Less is rounding: MLflow keeps the start of a run in milliseconds."""
Moment = tuple[str, float]
"""What happened, and when: seconds since the epoch."""


def clocks(name: str, case: Case) -> Finding:
    """The answer of gate `name` on the times of day of every record of the claim."""
    threshold = f"what happened later has no earlier time of day, but for a clock set back by {STEP_S:g} s at most"
    rows = [(a.run_id, _moments(a, a.record, case)) for a in case.attempts if a.record is not None]
    back = [list(_steps_back(run, row)) for run, row in rows]
    told = [text for _, text in sorted((step for steps in back for step in steps), reverse=True)]
    if not rows:
        return gate(name, Outcome.NOT_APPLICABLE, "no record, so no time of day", threshold)
    if max(sum(seconds for seconds, _ in steps) for steps in back) > STEP_S:
        again = "set the clock right and measure the claim under another experiment.name; if a record was altered, "
        step = f"{again}restore it from a backup"
        return gate(name, Outcome.NO_EVIDENCE, f"the clock went backwards: {named(told)}", threshold, step)
    shown = f"; a clock was set back a little: {named(told)}" if told else ""
    return gate(name, Outcome.PASS, f"times of day of {len(rows)} records follow one another{shown}", threshold)


def _steps_back(run: str, row: list[Moment]) -> Iterator[tuple[float, str]]:
    """By how many seconds the clock went back between two moments, and between which."""
    for (earlier, before), (later, after) in pairwise(row):
        if before - after > TOLD_S:
            yield before - after, f"run {run}: {later} {before - after:.6g} s before {earlier}"


def _moments(attempt: StoredCell, record: CellRecord, case: Case) -> list[Moment]:
    """Of one attempt, in the order in which they must have been."""
    plan = record.plan
    whole = [stored.registration for stored in case.registrations if stored.registration is not None]
    row = [("its claim was registered", made.frozen_at) for made in whole if made.digest == plan.registration]
    row += [("its look was written down", look.opened_at) for look in case.store.looks if look.digest == plan.look]
    row += [("the run began", attempt.started_at), ("its record began", record.started_at)]
    for session in sorted(record.sessions, key=lambda s: s.index):
        ready = session.started_at + session.ready_s
        row.append((f"session {session.index} was started", session.started_at))
        row.append((f"session {session.index} was ready", ready))
        row.append((f"session {session.index} was measured", ready + session.measuring_s))
    row.append(("its record ended", record.ended_at))
    resting = [made.frozen_at for made in whole if attempt.record_digest in made.records]
    return row + [("a registration that rests on it was made", first) for first in sorted(resting)[:1]]
