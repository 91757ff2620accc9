"""What gates and rules ask, heard from the code itself: an honest claim is judged, every answer brings its threshold.

Thresholds are those of policy near_term. A rule that is asked of several splits is heard on development, where its
level is the policy's own.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import cast

from ace.decide.dossier import Dossier, compile_dossier
from ace.decide.estimates import estimate
from ace.decide.gates import GATES, check
from ace.decide.gates.coverage import Consulted
from ace.decide.gather import gather
from ace.decide.scopes import LESS_MEMORY, POWER
from ace.decide.skeptic import RULES, challenge
from ace.domain.finding import Finding
from ace.domain.plan import DEVELOPMENT, SPEED
from ace.domain.policy import Policy
from tests.deceptions.way import walk
from tests.unit.decide.registered import POLICY


@dataclass(frozen=True)
class Asked:
    """`thresholds`: in the order in which they are asked; `severities`: as an honest claim sees them."""

    thresholds: tuple[str, ...]
    severities: frozenset[str]


@cache
def case_and_cells():  # type: ignore[no-untyped-def]
    case = gather(walk().evidence())[0]
    return case, estimate(case.cells, POLICY, POLICY.holdout_looks)


@cache
def honest() -> Dossier:
    case, cells = case_and_cells()
    return compile_dossier(case, cells, challenge(cells, POLICY), POLICY)


def own_gates() -> tuple[tuple[str, object], ...]:
    """The gates of the scopes beside speed that speed does not have."""
    return tuple((scope.own, dict(scope.gates)[scope.own]) for scope in (LESS_MEMORY, *POWER.values()))


def scopes() -> dict[str, tuple[str, ...]]:
    """The names of the gates that each scope requires."""
    beside = {scope.name: tuple(name for name, _ in scope.gates) for scope in (LESS_MEMORY, *POWER.values())}
    return {SPEED: (*(name for name, _ in GATES), "coverage"), **beside}


@cache
def gates() -> dict[str, Asked]:
    """Every gate of every scope, in the order of the trace."""
    found = list(check(honest(), POLICY, Consulted(POLICY)))
    for _, ask in own_gates():
        found += ask(honest(), POLICY)  # type: ignore[operator]
    return _by_name(found)


@cache
def rules() -> dict[str, Asked]:
    """Every rule of the skeptic, in its order."""
    return _by_name(challenge(case_and_cells()[1], POLICY))


def keys_read(name: str) -> set[str]:
    """Keys of the policy that a gate, or a rule about one cell, reads on an honest claim; none for the other rules."""
    asks = [ask for gate, ask in (*GATES, *own_gates()) if gate == name]
    consulted = Consulted(POLICY)
    before = set(consulted.unread)
    if asks:
        list(asks[0](honest(), cast(Policy, consulted)))  # type: ignore[operator]
        return before - set(consulted.unread)
    cell = case_and_cells()[1][0]
    for rule in RULES:
        if rule(cell, POLICY).name == name:
            rule(cell, cast(Policy, consulted))
    return before - set(consulted.unread)


def _by_name(findings: Iterable[Finding]) -> dict[str, Asked]:
    heard: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        heard[finding.name].append(finding)
    return {name: _asked(some) for name, some in heard.items()}


def _asked(findings: list[Finding]) -> Asked:
    here = [f for f in findings if f.cell is None or f.cell.startswith(DEVELOPMENT)] or findings
    return Asked(tuple(dict.fromkeys(f.threshold for f in here)), frozenset(f.severity.value for f in findings))
