"""The verdict of the scope memory, beside that of speed: its own claimed cells, its own gates, the same pure verdict.

Last step of `judge`. One accepted scope says nothing about another.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ace.decide.dossier import Dossier
from ace.decide.gates import completeness, costs, integrity, memory, parity, provenance, registration
from ace.decide.gates.guardrails import guardrails
from ace.decide.gates.quality import quality
from ace.decide.verdict import Standing, verdict_of
from ace.domain.decision import ScopeClaim, overall
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import DEVELOPMENT
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
    mine = [cell for cell in cells if registered is None or cell.cell.shape in registered.cells]
    claimed = tuple(cell for cell in mine if memory.saves(cell.cell, policy) and _as_good(cell.quality_outcome))
    own = replace(dossier, claimed=claimed, examined=claimed or cells)
    gates = [finding for _, ask in MEMORY_GATES for finding in ask(own, policy)]
    told = tuple(f for f in gates if f.name == memory.NAME)
    dry = bool(cells) and not dossier.unmeasured(DEVELOPMENT) and overall(told) is Outcome.FAIL
    whole = bool(cells) and len(claimed) == len(cells) and not dossier.unmeasured(DEVELOPMENT)
    facts = replace(standing, lost_everywhere=False, nothing_left=dry, claims_grid=whole)
    verdict, reasons = verdict_of(gates, doubts, [name for name, _ in MEMORY_GATES], facts)
    return ScopeClaim(verdict, reasons, tuple(cell.key for cell in claimed)), told


def _as_good(quality: Outcome) -> bool:
    return quality is Outcome.PASS
