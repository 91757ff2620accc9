"""Whether a cell that was just measured is to be measured once more, before anybody sees a verdict.

Asked by the launcher after a cell. A rule that leaves a cell unresolved may fire for a passing disturbance, so the cell
is measured once more, fresh and logged (4-rules); the registration knows of it beforehand, and both measurements count.
So it is where the null arm scatters too widely or strayed beyond chance (as it does in one honest claim of twenty), or
the slow tail is not known. On the holdout, which nobody can measure as often as they like, it holds for all that does
not settle the claim. Each of the two is asked at half the level, so that a second chance is paid for (Dunn 1961).
"""

from collections.abc import Iterator

from ace.decide.cells import cells_of
from ace.decide.dossier import downgrades
from ace.decide.estimates import CellEstimate, estimate
from ace.decide.gates.guardrails import tail_latency
from ace.decide.gates.instrument import null_arm
from ace.decide.skeptic import challenge
from ace.domain.finding import Outcome
from ace.domain.plan import DEVELOPMENT, HOLDOUT
from ace.domain.policy import Policy
from ace.domain.record import CellRecord, record_digest
from ace.domain.stored import StoredCell
from ace.domain.wording import percent, points_within


def doubts_about(record: CellRecord, policy: Policy) -> tuple[str, ...]:
    """What leaves this cell unresolved, each with what was seen; nothing for a cell with too few sessions, which one
    more measurement would not resolve."""
    if len(record.sessions) < policy.min_sessions:
        return ()
    digest = record_digest(record)
    alone = StoredCell("this", "FINISHED", record.started_at, None, None, record.plan, record, None, digest, digest)
    estimates = estimate(cells_of([alone]), policy, policy.holdout_looks)
    doubts = [f"{f.name}: {f.evidence}" for f in challenge(estimates, policy) if downgrades(f)]
    return tuple(doubts or _open_gates(estimates[0], policy))


def _open_gates(cell: CellEstimate, policy: Policy) -> Iterator[str]:
    """Gates that know too little of this cell to answer, and would know more of twice the sessions."""
    answers = [null_arm(cell, 1, policy, str)]
    if cell.cell.split == DEVELOPMENT:
        answers.append(tail_latency(cell, policy))
    yield from (f"{f.name}: {f.evidence}" for f in answers if f.outcome is Outcome.NO_EVIDENCE)
    if cell.cell.split == HOLDOUT:
        yield from _open_on_the_holdout(cell, policy)


def _open_on_the_holdout(cell: CellEstimate, policy: Policy) -> Iterator[str]:
    low, high = cell.bounds.low, cell.bounds.high
    if low is not None and high is not None and low <= policy.gain_floor <= high:
        yield f"gain: between {percent(low)} and {percent(high)} by its one-sided bounds"
    if (found := cell.quality) is not None and cell.quality_outcome is Outcome.NO_EVIDENCE:
        yield f"quality: {points_within(found.difference, found.low, found.high)}"
