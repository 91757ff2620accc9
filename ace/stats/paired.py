"""`compare`: one baseline against one candidate, measured side by side, judged by session.

The story: read the timings, get one gain per session, put Student's interval (1908) around their mean, and answer
against the margin.  Repetition inside a session cannot replace sessions: layout and frequency are drawn once a process
(Kalibera & Jones 2013), so a session is one observation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ace.domain.estimate import Answer, Comparison
from ace.stats import student
from ace.stats.intake import check_request, read_pair
from ace.stats.power import sessions_to_settle, visible_gain
from ace.stats.sessions import MIN_SESSIONS, STILL, Evidence, counted, gather
from ace.stats.signed_rank import signed_rank_p

CROSS_CHECK_LEVEL = 0.05  # of a single cell: ten sessions cannot give the signed rank a p under .002


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How far the mean gain may stray: spread of one session, standard error, its df, the critical t of this look.

    `level` is the two-sided level of a final look, from which the sessions still needed are reckoned.
    """

    deviation: float
    error: float
    df: float
    critical: float
    level: float

    def t(self, distance: float) -> float:
        """A distance in standard errors."""
        return distance / self.error


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a family of cells decided about one of them: Holm's answer and the adjusted p-value."""

    answer: Answer
    p_value: float


def compare(
    baseline: object, candidate: object, margin: float = 0.01, confidence: float = 0.95, order: str = "interleaved"
) -> Comparison:
    """Judge (sessions, timings) seconds of two arms; equal index = pair, rounds 2k and 2k+1 had opposite order.

    The gain estimates the log ratio baseline/candidate of the steady-state median times.
    """
    [[found]] = compare_each([(baseline, candidate)], [(confidence,)], margin, order)
    return found


def compare_each(
    pairs: Sequence[tuple[object, object]],
    confidences: Sequence[Sequence[float]],
    margin: float = 0.01,
    order: str = "interleaved",
) -> list[list[Comparison]]:
    """What `compare` says of each pair by itself, at each of its confidences; the timings are worked together."""
    for confidence in {level for own in confidences for level in own}:
        check_request(margin, confidence, order)
    evidence = gather([read_pair(*pair) for pair in pairs], margin, order)
    return [[_alone(e, margin, level) for level in own] for e, own in zip(evidence, confidences, strict=True)]


def _alone(evidence: Evidence, margin: float, confidence: float) -> Comparison:
    if not estimable(evidence):
        return unestimated(evidence)
    level = 1 - confidence
    return conclude(evidence, own_yardstick(evidence, level, level), margin)


def own_yardstick(evidence: Evidence, level_now: float, level: float) -> Yardstick:
    """From this cell's sessions alone; the two-sided levels of this look and of a final one."""
    n = len(evidence.gains)
    deviation = float(evidence.gains.std(ddof=1))
    return Yardstick(deviation, deviation / math.sqrt(n), n - 1, student.critical(n - 1, level_now), level)


def estimable(evidence: Evidence) -> bool:
    """Whether there is a spread to estimate; sessions that do not vary at all would be infinitely sure."""
    return len(evidence.gains) >= 2 and bool(evidence.gains.max() - evidence.gains.min() >= STILL)


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


def conclude(evidence: Evidence, yardstick: Yardstick, margin: float, verdict: Verdict | None = None) -> Comparison:
    """The answer of at least two sessions against the margin; a family of cells brings its own `verdict`."""
    gains, n = evidence.gains, len(evidence.gains)
    gain = float(gains.mean())
    reach = yardstick.critical * yardstick.error
    low, high = gain - reach, gain + reach
    p_value = 2 * student.upper_tail(yardstick.t(abs(gain)), yardstick.df)
    rank_p = signed_rank_p(gains)
    disagreement = cross_check(p_value, rank_p)
    answer = answer_of(low, high, margin)
    if verdict is not None:
        answer, p_value = verdict.answer, verdict.p_value
    needed = sessions_to_settle(gain, yardstick.deviation, margin, yardstick.level, MIN_SESSIONS)
    reasons = evidence.reasons
    if answer is Answer.INCONCLUSIVE:
        needed = None if needed is None else max(needed, n + 1)
        visible = visible_gain(yardstick.error, yardstick.df, yardstick.critical, margin)
        reasons = (*reasons, too_wide(low, high, n, needed, visible))
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
        smallest_visible_gain=visible_gain(yardstick.error, yardstick.df, yardstick.critical, margin),
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


def too_wide(low: float, high: float, sessions: int, needed: int | None, visible: float) -> str:
    """Why an interval did not answer, in plain words."""
    settle = f"; about {needed} would settle it" if needed is not None else ""
    span = f"{_percent(low)} to {_percent(high)}"
    seen = f"this machine cannot see effects under {_percent(visible).lstrip('+')} with them"
    return f"interval {span} crosses the margin with {counted(sessions, 'session')}: {seen}{settle}"


def _percent(log_gain: float) -> str:
    return f"{math.expm1(log_gain):+.2%}" if log_gain < math.log(1000) else "over 1000-fold"


def cross_check(p_value: float, rank_p: float) -> tuple[str, ...]:
    """A note when the exact signed rank does not agree with t about a difference."""
    if (p_value < CROSS_CHECK_LEVEL) == (rank_p < CROSS_CHECK_LEVEL):
        return ()
    return (f"the exact signed rank disagrees: p = {rank_p:.3g}, Student's t says {p_value:.3g}",)
