"""What each cell of the map shows (4-rules, regimes), and which cells that leaves to claim.

Third step of `judge`, after the skeptic: a cell that a downgrade touches is unresolved whatever its number, and so is
one whose sessions forbid an answer or that other conditions contradict.
"""

from ace.decide.estimates import CellEstimate, half_width
from ace.domain.finding import Outcome
from ace.domain.policy import Policy
from ace.domain.verdict import Regime


def regime_of(estimate: CellEstimate, downgraded: bool, policy: Policy) -> Regime:
    """The regime from the simultaneous interval, the quality answer and the skeptic's word."""
    quality, low, high = estimate.quality_outcome, estimate.band.low, estimate.band.high
    if quality is Outcome.FAIL:
        return Regime.COLLAPSE  # a loss of quality is known however well the timings went
    if downgraded or low is None or high is None or not answerable(estimate, policy) or estimate.objections:
        return Regime.UNRESOLVED
    if high < -policy.same_within:
        return Regime.COLLAPSE
    if quality is Outcome.PASS and low > 0:
        return Regime.POSITIVE if low > policy.gain_floor else Regime.EDGE
    if low <= 0 <= high and half_width(estimate.band) <= policy.gain_floor:
        return Regime.BOUNDARY
    if -policy.same_within <= low and high <= policy.same_within:
        return Regime.BOUNDARY  # a loss within the margin is called the same: nothing is left to find out
    return Regime.UNRESOLVED


def enough_sessions(estimate: CellEstimate, policy: Policy) -> bool:
    """Whether the cell has as many sessions as the policy asks for."""
    return estimate.own.sessions >= policy.min_sessions


def answerable(estimate: CellEstimate, policy: Policy) -> bool:
    """Whether its sessions may be answered from: enough of them, and nothing that forbids it."""
    return enough_sessions(estimate, policy) and not estimate.unfit


def faster_than_floor(estimate: CellEstimate, policy: Policy) -> bool:
    """Whether the map's lower bound exceeds the smallest gain worth having, quality aside."""
    return estimate.band.low is not None and estimate.band.low > policy.gain_floor


def slower_than_same(estimate: CellEstimate, policy: Policy) -> bool:
    """Whether the cell's own upper bound says that it loses more than the margin."""
    ucb = estimate.bounds.high
    return ucb is not None and answerable(estimate, policy) and ucb < -policy.same_within


def without_gain(estimate: CellEstimate, regime: Regime, policy: Policy) -> bool:
    """Whether it is known that nothing worth having is here. An edge is not: its gain may still exceed the floor."""
    return regime is Regime.COLLAPSE or gain_ruled_out(estimate, policy)


def gain_ruled_out(estimate: CellEstimate, policy: Policy) -> bool:
    """Whether the cell's own upper bound is below the smallest gain worth having."""
    ucb = estimate.bounds.high
    return ucb is not None and answerable(estimate, policy) and ucb < policy.gain_floor
