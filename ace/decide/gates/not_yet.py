"""Gates that this version cannot answer: they say so, and never pass because nobody looked.

Each becomes a gate of its own when its measurement exists.
"""

from collections.abc import Callable, Iterator

from ace.decide.asking import gate
from ace.decide.dossier import Dossier
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy

Gate = Callable[[Dossier, Policy], Iterator[Finding]]
BY_HAND = "not measured by this version; check it by hand before relying on the gain"


def _not_measured(name: str, missing: str, threshold: str) -> Gate:
    def ask(_: Dossier, __: Policy) -> Iterator[Finding]:
        yield gate(name, Outcome.NO_EVIDENCE, missing, threshold, BY_HAND)

    ask.__doc__ = f"{name}: {missing}."
    return ask


guardrails = _not_measured(
    "guardrails",
    "tail latency and peak memory per arm are not measured",
    "p90 latency and peak memory within 5 %, by bounds",
)
fairness = _not_measured(
    "fairness",
    "no rival (compiled baseline, truncation, random choice) was measured beside the candidate",
    "beats every mandatory rival",
)
overhead = _not_measured(
    "overhead",
    "one-off costs of the candidate (preparing, compiling, converting) are not timed",
    "gain after one-off costs, lower bound > 0",
)
complexity = _not_measured(
    "complexity", "new dependencies and added code are not counted", "parameters +1 %, no new dependency"
)
