"""Rules cached and disguise: is the candidate as fast on inputs it never saw, and when nothing says that it is timed?

Both compare calls of the same arm, and what counts is the candidate beyond the baseline: warm caches and pauses are
the same for both.
"""

import math
from collections.abc import Callable, Sequence
from statistics import fmean, median

from ace.decide.asking import named
from ace.decide.estimates import CellEstimate
from ace.decide.skeptic.bounds import (
    MEASURE,
    NO_SESSION,
    Answer,
    answering,
    beyond,
    both_visited,
    excess,
    few,
    lower_bound,
    visited,
)
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.wording import percent

FASTER = 0.10
LIMIT = math.log1p(FASTER)


def cached(cell: CellEstimate, _: Policy) -> Finding:
    """Calls on an input that was just seen against calls on fresh ones."""
    threshold = (
        f"repeated inputs not > {FASTER:.0%} faster than fresh ones beyond the baseline, by a bound over sessions"
    )
    answer = answering("cached", cell.key, threshold)
    sessions = both_visited(cell.cell.sessions)
    fresh, again = ([visited(s, reading) for s in sessions] for reading in ("fresh_s", "again_s"))
    excesses = [excess(slow, fast) for slow, fast in zip(fresh, again, strict=True)]
    return _judged(
        answer,
        excesses,
        lambda: (
            f"a repeated input takes the candidate {_ratio(again, fresh, CANDIDATE)} of a fresh one's time, the "
            f"baseline {_ratio(again, fresh, BASELINE)}"
        ),
        "inputs in use do not come twice",
        "do not keep results between calls, then measure this cell again",
    )


def disguise(cell: CellEstimate, policy: Policy) -> Finding:
    """Timed calls against calls through another function at another rate; and their outputs."""
    threshold = (
        f"the candidate's timed calls not > {FASTER:.0%} faster than disguised ones beyond the baseline, nor the "
        f"baseline's as much slower beyond the candidate, by a bound over sessions; "
        f"outputs within {policy.output_tolerance:g}"
    )
    answer = answering("disguise", cell.key, threshold)
    sessions = both_visited(cell.cell.sessions)
    limit = policy.output_tolerance
    apart = [
        f"session {s.index} {v.arm}: {v.again_error:.2g}"
        for s in sessions
        for v in s.probes.visits
        if not v.again_error <= limit  # NaN is no agreement
    ]
    if apart:
        return answer(
            Outcome.FAIL,
            f"{len(apart)} repeated calls answer otherwise than the first on the same input: {named(apart)}; the time "
            "of one answer says nothing of another",
            "make every call compute the same for the same input, then measure again",
        )
    timed = [{arm: median(s.wall_s(arm)) for arm in (BASELINE, CANDIDATE)} for s in sessions]
    fresh = [visited(s, "fresh_s") for s in sessions]
    slowed = [excess(t, found, BASELINE, CANDIDATE) for found, t in zip(fresh, timed, strict=True)]
    if beyond(slowed, LIMIT):
        low = lower_bound(slowed) or 0.0
        return answer(
            Outcome.FAIL,
            f"a disguised call takes the baseline {_ratio(fresh, timed, BASELINE)} of a timed one's time, the "
            f"candidate {_ratio(fresh, timed, CANDIDATE)}: while it is timed the baseline takes longer, by at least "
            f"{percent(low)} beyond the candidate; beside a slower baseline all is fast",
            "find out what slows the baseline down in timed calls, then measure this cell again",
        )
    excesses = [excess(found, t) for found, t in zip(fresh, timed, strict=True)]
    return _judged(
        answer,
        excesses,
        lambda: (
            f"a disguised call takes the candidate {_ratio(fresh, timed, CANDIDATE)} of a timed one's time, the "
            f"baseline {_ratio(fresh, timed, BASELINE)}"
        ),
        "a time that only timed calls take is no gain in use",
        "make timed calls do what any other call does (stack, call rate, number of calls), then measure again",
    )


def _judged(answer: Answer, excesses: Sequence[float], shown: Callable[[], str], why: str, step: str) -> Finding:
    """`why`: what it matters that this rule fires."""
    if not excesses:
        return answer(Outcome.NO_EVIDENCE, NO_SESSION, MEASURE)
    low = lower_bound(excesses)
    if low is None:
        return answer(Outcome.NO_EVIDENCE, few(len(excesses)), "measure more sessions")
    over = sum(value > LIMIT for value in excesses)
    evidence = f"{shown()}; beyond that {percent(fmean(excesses))}, at least {percent(low)}, in {over} of "
    evidence += f"{len(excesses)} sessions more than {FASTER:.0%}"
    if beyond(excesses, LIMIT):
        return answer(Outcome.FAIL, f"{evidence}; {why}", step)
    return answer(Outcome.PASS, evidence)


def _ratio(over: Sequence[dict[str, float]], under: Sequence[dict[str, float]], arm: str) -> str:
    """Typical time of one kind of call of `arm` over that of another, session by session."""
    return f"{median(a[arm] / b[arm] for a, b in zip(over, under, strict=True)):.0%}"
