"""Gates overhead and complexity: is it still worth having once it is paid for, and what must be kept up for it?

Overhead spreads what preparing costs (compiling, converting, calibrating) over the calls of the horizon; complexity
counts parameters and the packages that a candidate brings along.
"""

import math
from collections.abc import Iterator
from statistics import median

from ace.decide import commands
from ace.decide.asking import gate, named
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.session import BASELINE, CANDIDATE, Session
from ace.domain.wording import percent

OVERHEAD, COMPLEXITY = "overhead", "complexity"


def overhead(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The gain after one-off costs, per claimed cell; the dearest preparation counts, as the first one is cold.

    Without a claimed cell there is no gain for costs to eat up, and the gain gate has said why.
    """
    calls = policy.amortisation_calls
    threshold = f"lower bound of the gain > 0 with one-off costs spread over {calls:g} calls"
    for cell in dossier.claimed:
        yield _overhead(cell, calls, threshold)
    if not dossier.claimed:
        shown = "no cell is claimed, so there is no gain to spread costs over"
        yield gate(OVERHEAD, Outcome.NO_EVIDENCE, shown, threshold, "settle the gain gate first")


def _overhead(cell: CellEstimate, calls: float, threshold: str) -> Finding:
    seconds = dict(cell.seconds).get(CANDIDATE)
    if not cell.cell.sessions or seconds is None or cell.bounds.low is None or cell.bounds.high is None:
        step = f"measure this cell once more: {commands.measure_again([cell.cell])}"
        return gate(OVERHEAD, Outcome.NO_EVIDENCE, "no interval of the gain", threshold, step, cell.key)
    again = [session.prepare_s for session in cell.cell.sessions]
    once = max(*again, *(record.first_prepare_s or 0.0 for record in cell.cell.records))
    cost = math.log1p(once / (calls * seconds))
    low, high = cell.bounds.low - cost, cell.bounds.high - cost
    shown = (
        f"preparing takes {once:.2g} s at most, {median(again):.2g} s typically; the gain is then between "
        f"{percent(low)} and {percent(high)}"
    )
    if low > 0:
        return gate(OVERHEAD, Outcome.PASS, shown, threshold, cell=cell.key)
    outcome = Outcome.FAIL if high < 0 else Outcome.NO_EVIDENCE
    step = f"measure this cell once more: {commands.measure_again([cell.cell])}"
    return gate(OVERHEAD, outcome, shown, threshold, step, cell.key)


def complexity(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Parameters and new packages, over all cells: they belong to the idea, not to a shape."""
    most, packages = policy.complexity_parameters, policy.complexity_dependencies
    threshold = f"parameters at most {100 * most:g} % more, at most {packages} new package(s)"
    sessions = [s for cell in dossier.cells for s in cell.cell.sessions]
    grown = [ratio for s in sessions if (ratio := _growth(s)) is not None]
    if not grown:
        yield gate(COMPLEXITY, Outcome.NO_EVIDENCE, "no arm's parameters were counted", threshold, "measure a cell")
        return
    brought = sorted({name for s in sessions for name in s.new_dependencies})
    shown = f"parameters {100 * max(grown):+.1f} %, new packages: {named(brought) or 'none'}"
    fine = max(grown) <= most and len(brought) <= packages
    step = "" if fine else "make it smaller, do without the package, or choose a policy that allows it"
    yield gate(COMPLEXITY, Outcome.PASS if fine else Outcome.FAIL, shown, threshold, step)


def _growth(session: Session) -> float | None:
    counted = {state.arm: state.parameters for state in session.arms}
    if not counted.get(BASELINE) or CANDIDATE not in counted:
        return None
    return counted[CANDIDATE] / counted[BASELINE] - 1
