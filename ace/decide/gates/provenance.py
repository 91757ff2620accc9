"""Gate provenance: does every number come from where it says?

For speed the wall clock read in the measuring process is the only source, and it is MEASURED when the clock resolves
far less than what is claimed. Energy is graded cell by cell (ace.decide.energy); a claim of it is a scope of its own,
with a gate of its own (gates.energy), and a claim of speed needs none.
"""

from collections.abc import Iterator

from ace.decide.asking import gate, named
from ace.decide.dossier import Dossier
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.session import Session

NAME = "provenance"
CLOCK_SHARE = 0.1  # of the margin (of delta where the margin is 0): below it, a tick of the clock moves no answer
MEASURED, IMPORTED, NONE = "MEASURED", "IMPORTED", "NONE"


def provenance(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Wall and CPU time of every session, against its clock; and that nothing else is claimed."""
    share = CLOCK_SHARE * (policy.margin or policy.delta)
    threshold = f"wall and CPU time of every session; a clock tick <= {share:.2%} of a timing"
    sessions = [(cell.key, s) for cell in dossier.cells for s in cell.cell.sessions]
    coarse = [f"{key} session {s.index}" for key, s in sessions if not clock_resolves(s, policy)]
    imported = [cell for cell in dossier.cells if any(r.imported for r in cell.cell.records)]
    if imported:
        told = [f"{cell.key} {cell.cell.conditions}" for cell in imported]
        seen = f"latency {IMPORTED}: {named(told)}; no null arm, no witness and no output of it was seen"
        yield gate(NAME, Outcome.NO_EVIDENCE, seen, threshold, "measure these cells with launch.py to claim them")
    elif not sessions or coarse:
        seen = (
            f"{len(sessions)} sessions; no sufficient clock in {named(coarse)}" if coarse else "no session was measured"
        )
        yield gate(NAME, Outcome.NO_EVIDENCE, seen, threshold, "raise protocol.min_timing_s and measure again")
    else:
        yield gate(
            NAME,
            Outcome.PASS,
            f"latency {MEASURED}: wall and CPU clock in process, {len(sessions)} sessions",
            threshold,
        )
    yield gate(
        NAME,
        Outcome.NOT_APPLICABLE,
        "energy: a claim of speed needs none; what is known of it stands in the scopes energy and ecd",
        "energy from a counter or sensor of the device",
    )


def clock_resolves(session: Session, policy: Policy) -> bool:
    """Whether both clocks ran and a tick is small beside the shortest timing."""
    shortest = min((min(t.wall_s) for t in session.timings if t.wall_s), default=0.0) * session.calls_per_timing
    ran = bool(session.timings) and all(any(cpu > 0 for cpu in t.cpu_s) for t in session.timings)
    return (
        ran
        and session.environment.clock_resolution_s <= CLOCK_SHARE * (policy.same_within or policy.gain_floor) * shortest
    )
