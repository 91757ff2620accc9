"""`compare`: one baseline against one candidate, measured side by side, judged by session.

The story: read the timings, get one gain per session, put Student's interval (1908) around their mean, and answer
against the margin.  Repetition inside a session cannot replace sessions: layout and frequency are drawn once a process
(Kalibera & Jones 2013), so a session is one observation.
"""

import math
from dataclasses import dataclass

import numpy as np

from ace.domain.estimate import Answer, Comparison
from ace.stats import student
from ace.stats.intake import check_request, read_pair
from ace.stats.power import sessions_to_settle, visible_gain
from ace.stats.sessions import MIN_SESSIONS, STILL, Evidence, gather
from ace.stats.signed_rank import signed_rank_p


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How far the mean of n sessions may stray: `deviation` of one session, its df, and the critical t in use."""

    deviation: float
    df: float
    critical: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a family of cells decided about one of them: Holm's answer and the adjusted p-value."""

    answer: Answer
    p_value: float


def compare(
    baseline: object, candidate: object, *, margin: float = 0.01, confidence: float = 0.95, order: str = "interleaved"
) -> Comparison:
    """Judge (sessions, timings) seconds of two arms; equal index = pair, rounds 2k and 2k+1 had opposite order."""
    check_request(margin, confidence, order)
    [evidence] = gather([read_pair(baseline, candidate)], margin, order)
    sessions = len(evidence.gains)
    if sessions < 2:
        return unestimated(evidence)
    df = sessions - 1
    yardstick = Yardstick(float(evidence.gains.std(ddof=1)), df, student.quantile(df, (1 + confidence) / 2))
    return conclude(evidence, yardstick, margin, confidence)


def unestimated(evidence: Evidence) -> Comparison:
    """What can be said without a spread: the gain if there is one, and why there is no interval."""
    gains = evidence.gains
    return Comparison(
        gain=float(gains.mean()) if len(gains) else None,
        low=None,
        high=None,
        p_value=None,
        sessions=evidence.sessions,
        answer=Answer.INCONCLUSIVE,
        reasons=evidence.reasons,
        sessions_needed=None,
        smallest_visible_gain=None,
        session_gains=tuple(gains.tolist()),
        cut_rounds=evidence.cut_rounds,
        notes=evidence.notes,
    )


def conclude(
    evidence: Evidence, yardstick: Yardstick, margin: float, confidence: float, verdict: Verdict | None = None
) -> Comparison:
    """The answer of at least two sessions against the margin; a family of cells brings its own `verdict`."""
    gains, n = evidence.gains, len(evidence.gains)
    if yardstick.deviation < STILL:
        return unestimated(evidence)
    gain = float(gains.mean())
    error = yardstick.deviation / math.sqrt(n)
    low, high = gain - yardstick.critical * error, gain + yardstick.critical * error
    p_value = 2 * student.upper_tail(abs(gain) / error, yardstick.df)
    rank_p = signed_rank_p(gains)
    disagreement = cross_check(p_value, rank_p, 1 - confidence)
    answer = answer_of(low, high, margin)
    if verdict is not None:
        answer, p_value = verdict.answer, verdict.p_value
    needed = sessions_to_settle(gain, yardstick.deviation, margin, confidence, MIN_SESSIONS)
    reasons = evidence.reasons
    if answer is Answer.INCONCLUSIVE:
        reasons = (*reasons, too_wide(low, high, n, needed))
    elif needed is not None:
        needed = max(MIN_SESSIONS, min(needed, n))
    return Comparison(
        gain=gain,
        low=low,
        high=high,
        p_value=p_value,
        sessions=n,
        answer=Answer.INCONCLUSIVE if reasons else answer,
        reasons=reasons,
        sessions_needed=needed,
        smallest_visible_gain=visible_gain(error, yardstick.df, yardstick.critical, margin),
        session_gains=tuple(gains.tolist()),
        cut_rounds=evidence.cut_rounds,
        signed_rank_p=rank_p,
        notes=(*evidence.notes, *disagreement),
    )


def answer_of(low: float, high: float, margin: float) -> Answer:
    """One of the four answers from an interval (equivalence as in Schuirmann 1987: the interval inside the margin)."""
    threshold = math.log1p(margin)
    if low > threshold:
        return Answer.FASTER
    if high < -threshold:
        return Answer.SLOWER
    return Answer.SAME if -threshold < low and high < threshold else Answer.INCONCLUSIVE


def too_wide(low: float, high: float, sessions: int, needed: int | None) -> str:
    """Why an interval did not answer, in plain words."""
    settle = f"; about {needed} would settle it" if needed is not None else ""
    return f"interval {np.expm1(low):+.2%} to {np.expm1(high):+.2%} crosses the margin with {sessions} sessions{settle}"


def cross_check(p_value: float, rank_p: float, alpha: float) -> tuple[str, ...]:
    """A note when the exact signed rank does not agree with t about a difference."""
    if (p_value < alpha) == (rank_p < alpha):
        return ()
    return (f"the exact signed rank disagrees: p = {rank_p:.3g}, Student's t says {p_value:.3g}",)
