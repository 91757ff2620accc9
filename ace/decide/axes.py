"""Which axes of the map matter, and by how much: to the gain, and to the time of the baseline itself.

Called by `judge` for the cells of development; says nothing about a claim.
"""

from collections.abc import Sequence

import numpy as np

from ace.decide.estimates import CellEstimate
from ace.decide.series import arm_seconds
from ace.domain.decision import AxisEffects
from ace.domain.session import BASELINE
from ace.stats import axis_effects_on

AXES = ("seq_len", "batch", "hidden", "depth")
LEAST_SESSIONS = 2


def effects_of(cells: Sequence[CellEstimate]) -> AxisEffects:
    """Effects over all cells with enough sessions of ACE's own."""
    usable = [c for c in cells if len(c.own.session_gains) >= LEAST_SESSIONS and c.cell.sessions]
    levels = {axis: [float(getattr(c.cell.shape, axis)) for c in usable] for axis in AXES}
    samples = [[np.array(c.own.session_gains) for c in usable], [_log_times(c) for c in usable]]
    gain, baseline_time = axis_effects_on(levels, samples, blocks=[c.cell.conditions.host for c in usable])
    return AxisEffects(gain, baseline_time)


def _log_times(cell: CellEstimate) -> np.ndarray:
    """Log of each session's median seconds per call of the baseline, warm-up cut.  (sessions,)"""
    seconds = np.array(arm_seconds(cell.cell.sessions, BASELINE, BASELINE)[0])  # (sessions, rounds)
    logs: np.ndarray = np.log(np.median(seconds[:, min(cell.own.cut_rounds, seconds.shape[1] - 1) :], axis=1))
    return logs
