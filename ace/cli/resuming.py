"""What a rerun of a command leaves as it is: cells measured completely, by the same code, on the same weights.

Between the plan and the measurement, asked by `measuring`. A cell that is passed over is no second attempt: its run
stays the only one, and the sweep names it. Whatever else was attempted stays in the store and is counted. What is kept
is what the record itself says, not the tag by which it was found.
"""

import platform
from collections.abc import Sequence

from ace.cell import Attempt
from ace.cli.since import unlike
from ace.decide.gates.completeness import session_gap
from ace.domain.record import CellRecord
from ace.domain.stored import StoredCell
from ace.errors import AceError
from ace.holdout import AlreadyMeasured
from ace.wiring import Resuming


class LeftOut(AceError):
    """The cell is not measured by this command, which measures failed cells alone."""


def complete(cell: StoredCell) -> bool:
    """Whether the cell needs no further attempt: all its sessions are there and none has failed."""
    record = cell.record
    if record is None or cell.problem is not None or cell.status != "FINISHED":
        return False
    return bool(record.sessions) and not record.failures and session_gap(record) is None


def pass_over(resuming: Resuming, attempts: Sequence[StoredCell], now: Attempt) -> None:
    """Raise AlreadyMeasured or LeftOut where the cell with these attempts is not to be measured now.

    now: what would be made; an attempt whose record says that it was another measurement is none at this cell.
    """
    if not resuming.resume:
        return
    own = [cell for cell in attempts if cell.record is None or not unlike(cell.record, now)]
    done = next((cell for cell in reversed(own) if complete(cell)), None)
    if done is not None and done.record is not None:
        text = f"{now.plan.shape} {done.record.split} was measured before (run {done.run_id}{_elsewhere(done.record)})"
        raise AlreadyMeasured(f"{text}; resume=false measures it once more", done.record, done.run_id)
    if resuming.failed_only and not own:
        raise LeftOut("left out: rerun=failed measures what was attempted and failed, and this cell never was")


def _elsewhere(record: CellRecord) -> str:
    """On which other host it was measured; nothing where that was this one."""
    hosts = {session.environment.host for session in record.sessions} - {platform.node()}
    return f" on {', '.join(sorted(hosts))}" if hosts else ""
