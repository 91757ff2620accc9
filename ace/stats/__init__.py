"""How sure we are: paired timings in, intervals and answers out.

Nothing here knows a clock, a store or a policy.  The unit is the session, never the timing.
"""

from ace.stats.axes import axis_effects, axis_effects_on
from ace.stats.bootstrap import score_difference
from ace.stats.cells import compare_cells
from ace.stats.components import components
from ace.stats.correlation import CorrelationDifference, correlation_difference
from ace.stats.cost import cost_line
from ace.stats.eprocess import e_process
from ace.stats.findings import drift, order_interaction, over_sessions, serial_dependence
from ace.stats.paired import compare, compare_each
from ace.stats.screening import screen, screen_and_confirm
from ace.stats.selection import Selected, best_of, shrink
from ace.stats.sequential import compare_sequential
from ace.stats.tail import quantile_gain

__all__ = [
    "CorrelationDifference",
    "Selected",
    "axis_effects",
    "axis_effects_on",
    "best_of",
    "compare",
    "compare_cells",
    "compare_each",
    "compare_sequential",
    "components",
    "correlation_difference",
    "cost_line",
    "drift",
    "e_process",
    "order_interaction",
    "over_sessions",
    "quantile_gain",
    "score_difference",
    "screen",
    "screen_and_confirm",
    "serial_dependence",
    "shrink",
]
