"""When a sequential cell may stop: as soon as its answer, the gain's floor and the instrument are settled.

Made here, where thresholds are known, and handed to measurement, which asks it between workers and knows none. The
bounds are those of the declared maximum (compare_sequential), so stopping early is paid for whenever it happens.
"""

from collections.abc import Callable, Sequence

from ace.decide.estimates import comparison, half_width
from ace.decide.series import arm_seconds
from ace.domain.estimate import Answer
from ace.domain.plan import FIXED, Protocol
from ace.domain.policy import Policy
from ace.domain.record import Look
from ace.domain.session import BASELINE, CANDIDATE, NULL, Session


def stop_rule(protocol: Protocol, policy: Policy) -> Callable[[Sequence[Session]], Look] | None:
    """The rule of a protocol; None where all sessions are measured."""
    if protocol.stopping == FIXED:
        return None

    def look(sessions: Sequence[Session]) -> Look:
        pair, most = arm_seconds(sessions, BASELINE, CANDIDATE), protocol.sessions
        own = comparison(pair, most, policy.margin, 1 - policy.alpha)
        bounds = comparison(pair, most, policy.margin, 1 - 2 * policy.alpha)
        null = comparison(arm_seconds(sessions, BASELINE, NULL), None, policy.margin, 1 - policy.alpha)
        low, high, floor = bounds.low, bounds.high, policy.gain_floor
        decided = low is not None and high is not None and (low > floor or high < floor)
        seeing = half_width(null) <= floor  # else the instrument gate would ask for more
        settled = own.answer is not Answer.INCONCLUSIVE and decided and seeing and len(sessions) >= policy.min_sessions
        return Look(len(sessions), own.answer.value, low, high, settled)

    return look
