"""The skeptic: rules that doubt each cell of the map, for whoever wants the claim to be true (4-rules).

Between estimates and regimes in `judge`. FAIL means that a rule fires: block makes the claim invalid, downgrade leaves
the cell unresolved, warn is printed beside the headline. A rule that could not look answers NO_EVIDENCE, never PASS.
"""

from collections.abc import Callable, Iterable

from ace.decide.estimates import CellEstimate
from ace.decide.skeptic import baselines, mechanism, outputs, precision, selected, timing, transfer
from ace.decide.skeptic.clock import clock
from ace.decide.skeptic.interference import interference
from ace.decide.skeptic.late import late_work
from ace.decide.skeptic.repeats import cached, disguise
from ace.decide.skeptic.sham import sham_wins
from ace.decide.skeptic.touched import touched_baseline
from ace.decide.skeptic.truncated import truncated
from ace.domain.finding import Finding
from ace.domain.policy import Policy

Rule = Callable[[CellEstimate, Policy], Finding]

RULES: tuple[Rule, ...] = (
    precision.imprecise,
    precision.heterogeneous,
    precision.unsteady,
    mechanism.too_good,
    mechanism.beyond_roofline,
    mechanism.mechanism_absent,
    outputs.timed_is_not_scored,
    touched_baseline,
    clock,
    cached,
    disguise,
    truncated,
    late_work,
    sham_wins,
    timing.drift,
    timing.order_effect,
    timing.dependence,
    timing.dispersion,
    timing.resolution,
    timing.conditions,
)


def challenge(cells: Iterable[CellEstimate], policy: Policy) -> tuple[Finding, ...]:
    """Every rule on every cell, then those that look at several."""
    cells = tuple(cells)
    doubts = [rule(cell, policy) for cell in cells for rule in RULES]
    across = (*timing.mixed(cells), *baselines.drifted(cells, policy), *transfer.transfer_gaps(cells, policy))
    return (*doubts, *across, *selected.selected(cells, policy), *interference(cells, policy))
