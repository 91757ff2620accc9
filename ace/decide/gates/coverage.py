"""Gate coverage: was every threshold used and every required question asked?

`Consulted` stands in for the policy while a claim is judged and remembers which keys were read, so that a threshold
which nothing reads is a finding, not a comfort.
"""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from ace.decide.asking import gate, named, passed
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy


class Consulted:
    """A policy that remembers which of its keys were read. Derived thresholds read their key."""

    _DERIVED = ("gain_floor", "delta"), ("same_within", "margin")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._read: set[str] = set()

    def __getattr__(self, key: str) -> Any:
        self._read.add(dict(self._DERIVED).get(key, key))
        value = getattr(self._policy, key)
        self.__dict__[key] = value  # once is enough: a large map asks a hundred thousand times
        return value

    @property
    def itself(self) -> Policy:
        """The policy that it stands in for; asking for it reads none of its keys."""
        return self._policy

    @property
    def unread(self) -> list[str]:
        """Keys that nothing has asked for; the name is for people."""
        return [f.name for f in fields(self._policy) if f.name not in self._read and f.name != "name"]


def coverage(consulted: Consulted, required: Iterable[str], answered: Iterable[Finding], cells: int) -> Finding:
    """Asked last, over the answers of all other gates."""
    threshold = "no unused policy key, no silent gate"
    if not cells:
        return gate(
            "coverage",
            Outcome.NO_EVIDENCE,
            "no cell was measured, so most thresholds had nothing to judge",
            threshold,
            "measure a cell",
        )
    names = {finding.name for finding in answered}
    problems = [f"policy.{key} was read by nothing" for key in consulted.unread]
    problems += [f"{name} did not answer" for name in required if name not in names]
    evidence = named(problems) if problems else "every policy key was read; every required gate answered"
    return gate(
        "coverage",
        passed(not problems),
        evidence,
        threshold,
        "" if not problems else "remove the key from the policy, or use the version of ACE that reads it",
    )
