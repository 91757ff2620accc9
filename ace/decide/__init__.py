"""What we conclude: evidence, gates, skeptic, regimes, verdict.

Reads only what tracking returns; touches no clock, no model and no store. `judge` is the door; `cell_answer` has the
first word on a cell that was just measured.
"""

from ace.decide.judge import judge

__all__ = ["judge"]
