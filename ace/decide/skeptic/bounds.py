"""What the rules about probes share: a bound over sessions, and when one arm is slower than the other explains.

A probe makes a few calls a session, on machines where other things happen. So no rule believes a session: each asks
whether sessions as a whole lie beyond a wide threshold, at a level far below that of any gate. Two bounds can say so:
that of the mean, and, where a few sessions were disturbed by something else, that of the median (sign test).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median

from scipy import special

from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.session import BASELINE, CANDIDATE, Session
from ace.stats import student

DOUBT = 0.001  # one-sided level: these rules are asked of every cell, and a wrong answer ends an honest claim
LEAST_SESSIONS = 3
NO_SESSION, MEASURE = "no session was measured", "measure this cell"
Answer = Callable[..., Finding]


def answering(name: str, cell: str, threshold: str, severity: Severity = Severity.BLOCK) -> Answer:
    """A constructor of this rule's findings: `answer(outcome, evidence, next_step)`."""

    def answer(outcome: Outcome, evidence: str, next_step: str = "") -> Finding:
        return Finding(name, outcome, severity, cell, evidence, threshold, next_step)

    return answer


def lower_bound(values: Sequence[float], doubt: float = DOUBT) -> float | None:
    """One-sided lower bound of the mean (Student); None for too few."""
    if len(values) < LEAST_SESSIONS:
        return None
    n, mean = len(values), fmean(values)
    # not statistics.stdev, whose exact fractions took a tenth of the time of a thousand cells
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    return mean - student.quantile(n - 1, 1 - doubt) * error


def beyond(values: Sequence[float], limit: float, doubt: float = DOUBT) -> bool:
    """Whether values of sessions lie above `limit`, by the bound of their mean or of their median."""
    low = lower_bound(values, doubt)
    if low is None:
        return False
    return low > limit or tail(sum(value > limit for value in values), len(values), 0.5) < doubt


def tail(hits: int, trials: int, chance: float) -> float:
    """P(at least so many hits) for a binomial count: as much work for a trillion trials as for ten."""
    return float(special.betainc(float(hits), float(trials - hits + 1), chance)) if hits else 1.0


def excess(slow: dict[str, float], fast: dict[str, float], of: str = CANDIDATE, beside: str = BASELINE) -> float:
    """Log of how much longer one arm's slow call takes than its fast one and the other arm's example allow.

    Allowed is the larger of what the other loses as a factor and as seconds: a cold cache may cost either.
    """
    lost_s = max(0.0, slow[beside] - fast[beside])
    factor = max(1.0, slow[beside] / fast[beside])
    return math.log(slow[of] / max(fast[of] * factor, fast[of] + lost_s))


def visited(session: Session, reading: str) -> dict[str, float]:
    """The median of a reading over the visits to each arm, by arm."""
    by_arm: dict[str, list[float]] = {}
    for visit in session.probes.visits:
        by_arm.setdefault(visit.arm, []).append(getattr(visit, reading))
    return {arm: median(values) for arm, values in by_arm.items()}


def both_visited(sessions: Iterable[Session]) -> list[Session]:
    """The sessions in which both arms were visited, and timed: what lacks an arm is named by gate complete."""
    pair = {BASELINE, CANDIDATE}
    return [s for s in sessions if {v.arm for v in s.probes.visits} >= pair and {t.arm for t in s.timings} >= pair]


def few(sessions: int) -> str:
    """Why there is no bound."""
    return f"{sessions} sessions with these calls; {LEAST_SESSIONS} are needed for a bound"
