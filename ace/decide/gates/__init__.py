"""The gates in the order of the trace (4-rules): each looks at the dossier and answers with findings.

Fifth step of `judge`. A gate passes when all of its findings do; `coverage` is asked last, over the others.
"""

from collections.abc import Callable, Iterator

from ace.decide.dossier import Dossier
from ace.decide.gates import benefit, completeness, costs, instrument, integrity, parity, provenance, registration
from ace.decide.gates.coverage import Consulted, coverage
from ace.decide.gates.fairness import fairness
from ace.decide.gates.guardrails import guardrails
from ace.decide.gates.quality import quality
from ace.domain.finding import Finding
from ace.domain.policy import Policy

Gate = Callable[[Dossier, Policy], Iterator[Finding]]

GATES: tuple[tuple[str, Gate], ...] = (
    ("frozen", registration.frozen),
    ("integrity", integrity.integrity),
    ("complete", completeness.complete),
    ("parity", parity.parity),
    ("instrument", instrument.instrument),
    ("gain", benefit.gain),
    ("quality", quality),
    ("guardrails", guardrails),
    ("fairness", fairness),
    ("validation", benefit.validation),
    ("holdout", registration.holdout),
    ("overhead", costs.overhead),
    ("provenance", provenance.provenance),
    ("complexity", costs.complexity),
)
REQUIRED = (*(name for name, _ in GATES), "coverage")
"""What a claim of speed requires; the other scopes have gates of their own (`ace.decide.scopes`)."""


def check(dossier: Dossier, policy: Policy, consulted: Consulted) -> tuple[Finding, ...]:
    """Every gate's findings, in order."""
    answers = [finding for _, ask in GATES for finding in ask(dossier, policy)]
    return (*answers, coverage(consulted, REQUIRED[:-1], answers, len(dossier.cells)))
