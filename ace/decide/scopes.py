"""The verdict of the scope memory, beside that of speed: its own claimed cells, its own gates, the same pure verdict.

Last step of `judge`. One accepted scope says nothing about another.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ace.decide.dossier import Dossier
from ace.decide.gates import completeness, costs, integrity, memory, parity, provenance, registration
from ace.decide.gates.guardrails import guardrails
from ace.decide.gates.quality import quality
from ace.decide.gather import Case
from ace.decide.verdict import Standing, verdict_of
from ace.domain.decision import CellDecision, Decision, ScopeClaim, overall
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import DEVELOPMENT, VALIDATION
from ace.domain.policy import Policy
from ace.domain.verdict import Verdict

Gate = Callable[[Dossier, Policy], Iterator[Finding]]
MEMORY_GATES: tuple[tuple[str, Gate], ...] = (
    ("frozen", registration.frozen),
    ("integrity", integrity.integrity),
    ("complete", completeness.complete),
    ("parity", parity.parity),
    ("memory", memory.memory),
    ("quality", quality),
    ("guardrails", guardrails),
    ("validation", memory.validation),
    ("holdout", memory.held_out),
    ("provenance", provenance.provenance),
    ("complexity", costs.complexity),
)
"""Not the instrument (it is that of speed), nor fairness and overhead, which are about time."""


def memory_claim(
    dossier: Dossier, doubts: Sequence[Finding], standing: Standing, policy: Policy
) -> tuple[ScopeClaim, tuple[Finding, ...]]:
    """The claim of less memory, and the findings of its own gate; without a claim a word on why there is none."""
    cells = dossier.on(DEVELOPMENT)
    if not memory.is_claimed([cell.cell for cell in cells]):
        why = "no evidence, for less memory is not claimed: experiment.scopes=[speed,memory] does"
        return ScopeClaim(Verdict.INCONCLUSIVE, (why,), ()), ()
    registered = dossier.case.registration
    if registered is not None and registered.memory_cells:
        claimed = tuple(cell for cell in cells if cell.cell.shape in registered.memory_cells)
    else:
        claimed = tuple(c for c in cells if memory.saves(c.cell, policy) and c.quality_outcome is Outcome.PASS)
    own = replace(dossier, claimed=claimed, examined=claimed or cells)
    gates = [finding for _, ask in MEMORY_GATES for finding in ask(own, policy)]
    told = tuple(f for f in gates if f.name == memory.NAME)
    dry = bool(cells) and not dossier.unmeasured(DEVELOPMENT) and overall(told) is Outcome.FAIL
    whole = bool(cells) and len(claimed) == len(cells) and not dossier.unmeasured(DEVELOPMENT)
    named = registered is not None and bool(registered.memory_cells)
    facts = replace(standing, registered=named, lost_everywhere=False, nothing_left=dry, claims_grid=whole)
    verdict, reasons = verdict_of(gates, doubts, [name for name, _ in MEMORY_GATES], facts)
    return ScopeClaim(verdict, reasons, tuple(cell.key for cell in claimed)), told


def validated(cell: CellDecision, decision: Decision) -> CellDecision | None:
    """The same shape on validation; None where it was not measured."""
    return next((c for c in decision.cells if c.split == VALIDATION and c.shape == cell.shape), None)


def memory_blockers(cell: CellDecision, decision: Decision, case: Case, policy: Policy) -> list[str]:
    """Why a development cell cannot be claimed to need less memory; empty when nothing stands against it."""
    if not memory.is_claimed(case.cells):
        return ["less memory is not claimed"]
    other = validated(cell, decision)
    if other is None:
        return [f"{cell.shape} was not measured on validation"]
    return [
        f"memory ({place.cell}) {outcome}"
        for place, floor in ((cell, policy.gain_floor), (other, 0.0))
        for outcome in (memory.outcome_of(place.memory, floor, policy.alpha), _quality_of(place))
        if outcome is not Outcome.PASS
    ]


def _quality_of(cell: CellDecision) -> Outcome:
    return Outcome.NO_EVIDENCE if cell.quality is None else cell.quality.outcome
