"""What the gate and rule tests share: evidence laid out as a dossier, and changes to all sessions of a record."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from ace.decide.dossier import Dossier, compile_dossier
from ace.decide.estimates import CellEstimate, estimate
from ace.decide.gather import gather
from ace.decide.skeptic import challenge
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.domain.session import Session
from ace.domain.stored import StoredCell, StoredSweep
from tests.unit.decide import builders

GAIN = 0.122  # 13 %


def laid_out(*cells: StoredCell, sweeps: tuple[StoredSweep, ...] = (), policy: Policy | None = None) -> Dossier:
    """The first four steps of judge, for the newest claim."""
    policy = policy or builders.near_term()
    case = gather(builders.evidence(*cells, sweeps=sweeps))[0]
    estimates = estimate(case.cells, policy)
    return compile_dossier(case, estimates, challenge(estimates, policy), policy)


def only_cell(record: CellRecord, policy: Policy | None = None) -> CellEstimate:
    """The estimate of a claim with one cell."""
    [cell] = laid_out(builders.stored(record), policy=policy).cells
    return cell


def each_session(record: CellRecord, change: Callable[[Session], Session]) -> CellRecord:
    """The record with every session changed."""
    return replace(record, sessions=tuple(change(session) for session in record.sessions))


def outcomes(findings: Iterable[Finding]) -> set[Outcome]:
    """The outcomes seen, NOT_APPLICABLE left out."""
    return {finding.outcome for finding in findings} - {Outcome.NOT_APPLICABLE}


def the_fail(findings: Iterable[Finding]) -> Finding:
    """The one finding that fails; it must say what to do next."""
    [found] = [finding for finding in findings if finding.outcome is Outcome.FAIL]
    assert found.next_step
    return found
