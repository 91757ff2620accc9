"""One deception: a lie told on evidence that would otherwise be accepted, and what must become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from ace.domain.policy import Policy
from ace.domain.stored import Evidence
from ace.domain.verdict import Verdict
from tests.deceptions.judged import SPEED, Judged, judged
from tests.deceptions.way import walk
from tests.unit.decide.registered import POLICY


@dataclass(frozen=True)
class Told:
    """What is handed to judgement."""

    evidence: Evidence
    policy: Policy = POLICY


@cache
def the_truth() -> Told:
    """Honest pruning, the whole way."""
    return Told(walk().evidence())


@dataclass(frozen=True)
class Case:
    """`what`: the lie in one sentence. `revealed_by`: the gates and rules that must reveal it, these and no others.
    `build`: the evidence with the lie; `truth`: without it, which must be accepted as `accepted`. `says`: words that
    must stand in what reveals it. `only_warns`: the lie may pass, but not in silence.
    `among_others`: imported timings lack whatever only measuring gives, so other gates may miss it too."""

    name: str
    what: str
    revealed_by: tuple[str, ...]
    verdict: Verdict
    build: Callable[[], Told]
    says: str = ""
    truth: Callable[[], Told] = the_truth
    accepted: Verdict = Verdict.ACCEPTED
    scope: str = SPEED
    only_warns: bool = False
    among_others: bool = False


@cache
def answer_to(case: Case) -> Judged:
    """Built and judged once, however many tests ask."""
    told = case.build()
    return judged(told.evidence, told.policy, case.scope)


@cache
def answer_without(truth: Callable[[], Told], scope: str = SPEED) -> Judged:
    """The same evidence without the lie."""
    told = truth()
    return judged(told.evidence, told.policy, scope)


def is_revealed(case: Case) -> bool:
    """Whether the verdict is the expected one, for the expected reason and no other."""
    found = answer_to(case)
    seen = found.warned - answer_without(case.truth, case.scope).warned if case.only_warns else found.culprits
    meant = set(case.revealed_by)
    as_meant = meant <= set(seen) if case.among_others else meant == set(seen)
    return found.verdict is case.verdict and as_meant and case.says in found.words
