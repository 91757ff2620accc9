"""Whether a cell that was just measured is to be measured once more, before anybody sees a verdict.

Asked by the launcher after a cell. A rule that leaves a cell unresolved may fire for a passing disturbance, so the cell
is measured once more, fresh and logged (4-rules); the registration knows of it beforehand, and both measurements count.
"""

from ace.decide.cells import cells_of
from ace.decide.dossier import downgrades
from ace.decide.estimates import estimate
from ace.decide.skeptic import challenge
from ace.domain.policy import Policy
from ace.domain.record import CellRecord, record_digest
from ace.domain.stored import StoredCell


def doubts_about(record: CellRecord, policy: Policy) -> tuple[str, ...]:
    """The rules that leave this cell unresolved, each with what it saw; none for a cell with too few sessions, which
    one more measurement would not resolve."""
    if len(record.sessions) < policy.min_sessions:
        return ()
    digest = record_digest(record)
    alone = StoredCell("this", "FINISHED", record.started_at, None, None, record.plan, record, None, digest, digest)
    findings = challenge(estimate(cells_of([alone]), policy), policy)
    return tuple(f"{finding.name}: {finding.evidence}" for finding in findings if downgrades(finding))
