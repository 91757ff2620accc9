"""How sure we are: paired timings in, intervals and answers out.

Nothing here knows a clock, a store or a policy.  The unit is the session, never the timing; see docs/statistics.
"""

from ace.stats.cells import compare_cells
from ace.stats.paired import compare

__all__ = ["compare", "compare_cells"]
