"""Rules imprecise, heterogeneous and unsteady: is one number, with this interval, a fair account of the sessions?

Called by `challenge` for each cell of the map. They doubt the estimate; whether the sessions did the right work is
asked in `mechanism` and `outputs`.
"""

import math

import numpy as np

from ace.decide import commands
from ace.decide.estimates import CellEstimate, half_width
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.policy import Policy
from ace.domain.wording import percent_within
from ace.stats.sessions import NOT_STEADY

LEAST_BLOCKS = 2  # a first part and a last one


def again(cell: CellEstimate) -> str:
    """Once more, fresh: the sessions are pooled with those that are there."""
    return f"measure this cell once more: {commands.measure_again([cell.cell])}"


def systematic(cell: CellEstimate) -> float:
    """Log uncertainty that more sessions do not remove: what the null arm shows beyond chance."""
    null = cell.null
    return 0.0 if null.gain is None or null.low is None else max(0.0, abs(null.gain) - half_width(null))


def imprecise(cell: CellEstimate, policy: Policy) -> Finding:
    """Half-width and systematic uncertainty over the gain, or over the smallest gain worth having."""
    threshold = f"(half-width + systematic) / max(gain, smallest worth having) <= {policy.imprecise_limit:g}"
    name, severity, floor = "imprecise", Severity.DOWNGRADE, policy.gain_floor
    gain = cell.own.gain
    if gain is None or math.isinf(half_width(cell.own)):
        return Finding(
            name, Outcome.NO_EVIDENCE, severity, cell.key, "no interval: " + _reasons(cell), threshold, again(cell)
        )
    ratio = (half_width(cell.own) + systematic(cell)) / max(abs(gain), floor)
    fires = ratio > policy.imprecise_limit
    evidence = f"{ratio:.2f} at {percent_within(gain, cell.own.low, cell.own.high)}"
    return Finding(name, _fired(fires), severity, cell.key, evidence, threshold, again(cell) if fires else "")


def heterogeneous(cell: CellEstimate, policy: Policy) -> Finding:
    """Sessions that disagree about the size warn; sessions that disagree about the sign leave the cell unresolved."""
    limit, own = policy.heterogeneous_limit, cell.own
    threshold = f"sd of sessions / gain <= {limit:g}; more sessions win than chance explains (exact, {policy.alpha:g})"

    def answer(outcome: Outcome, severity: Severity, evidence: str, next_step: str = "") -> Finding:
        return Finding("heterogeneous", outcome, severity, cell.key, evidence, threshold, next_step)

    if own.gain is None or own.low is None or own.high is None:
        return answer(Outcome.NO_EVIDENCE, Severity.WARN, "no interval: " + _reasons(cell), again(cell))
    if own.low <= 0 <= own.high:
        evidence = "the interval includes 0, so no direction is claimed"
        return answer(Outcome.NOT_APPLICABLE, Severity.WARN, evidence)
    gains = np.array(own.session_gains)
    spread = float(gains.std(ddof=1)) / abs(own.gain)
    wins = int((gains * own.gain > 0).sum())
    split_vote = sign_test(wins, len(gains)) > cell.alpha
    heritage = spread + systematic(cell) / abs(own.gain)
    evidence = (
        f"sd/gain {spread:.2f}; {wins} of {len(gains)} sessions agree with the sign; the older rule sd/mean + u/mean "
        f"gives {heritage:.2f} ({'over' if heritage > limit else 'within'} {limit:g})"
    )
    severity = Severity.DOWNGRADE if split_vote else Severity.WARN
    fires = split_vote or spread > limit
    return answer(_fired(fires), severity, evidence, again(cell) if fires else "")


def sign_test(wins: int, sessions: int) -> float:
    """P(at least so many of the sessions win) if each had an even chance: at most alpha exactly when the lower bound of
    the chance to win (Clopper & Pearson 1934) is at least one half."""
    return float(sum(math.comb(sessions, k) for k in range(wins, sessions + 1)) / 2**sessions)


def unsteady(cell: CellEstimate, policy: Policy) -> Finding:
    """The paired ratio still moves within sessions: a warm-up that never settles fools every method."""
    threshold = f"first and last third of sessions agree within chance or {100 * policy.margin:g} %"
    if not cell.own.session_gains:
        return Finding(
            "unsteady", Outcome.NO_EVIDENCE, Severity.DOWNGRADE, cell.key, "no session", threshold, again(cell)
        )
    blocks = (cell.cell.conditions.rounds - cell.own.cut_rounds) // 2
    fires = NOT_STEADY in cell.unfit
    if not fires and blocks < LEAST_BLOCKS:
        seen = f"{max(blocks, 0)} whole blocks kept, too few to see a movement"
        step = f"raise protocol.rounds and {again(cell)}"
        return Finding("unsteady", Outcome.NO_EVIDENCE, Severity.DOWNGRADE, cell.key, seen, threshold, step)
    evidence = "the paired ratio moves within sessions" if fires else "the paired ratio stands still within sessions"
    step = f"raise protocol.rounds, or quiet the machine, and {again(cell)}" if fires else ""
    return Finding("unsteady", _fired(fires), Severity.DOWNGRADE, cell.key, evidence, threshold, step)


def _reasons(cell: CellEstimate) -> str:
    return ", ".join(cell.own.reasons) or "too few sessions"


def _fired(fires: bool) -> Outcome:
    return Outcome.FAIL if fires else Outcome.PASS
