"""What ACE said of a piece of evidence: the verdict, and which gates and rules it rests on."""

from dataclasses import dataclass

from ace.decide import judge
from ace.decide.gates import REQUIRED
from ace.decide.verdict import MAY_NOT_APPLY, must_look
from ace.domain.decision import Decision, ScopeClaim, overall
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.policy import Policy
from ace.domain.stored import Evidence
from ace.domain.verdict import Verdict

SPEED, ENERGY, MEMORY, ECD = "speed", "energy", "memory", "ecd"
ACCEPTING = (Verdict.ACCEPTED, Verdict.ACCEPTED_WITHIN_ENVELOPE)
FOLLOW = ("gain", "fairness", "guardrails", "validation", "holdout", "instrument", "overhead")
"""Gates about time: for a cell that a rule leaves unresolved they only repeat that nothing is known."""


@dataclass(frozen=True)
class Judged:
    """A decision with what it rests on. `warned`: rules that fire and only warn."""

    decision: Decision
    verdict: Verdict
    culprits: frozenset[str]
    warned: frozenset[str]
    words: str


def judged(evidence: Evidence, policy: Policy, scope: str = SPEED) -> Judged:
    """The verdict of the claim that a user would be shown first."""
    decision = judge(evidence, policy)[0]
    claim = getattr(decision.claims, scope)
    found = _telling(decision) if scope == SPEED else []
    names = {f.name for f in found} if scope == SPEED else _named(claim)
    names |= {"calibration"} if decision.planted else set()
    warned = {f.name for f in decision.findings if f.severity is Severity.WARN and f.outcome is Outcome.FAIL}
    words = " | ".join([*(f.evidence for f in found), *claim.reasons])
    return Judged(decision, claim.verdict, frozenset(names), frozenset(warned), words)


def _telling(decision: Decision) -> list[Finding]:
    """The findings without which the verdict would be another: what fails, else what is missing."""
    fails = [f for f in decision.gates if f.outcome is Outcome.FAIL]
    fails += [f for f in decision.findings if f.severity is Severity.BLOCK and f.outcome is Outcome.FAIL]
    if fails:
        return fails
    doubts = [f for f in decision.findings if f.severity is Severity.DOWNGRADE and f.outcome is Outcome.FAIL]
    touched = {doubt.cell for doubt in doubts}
    missing = [*doubts, *(f for f in decision.findings if must_look(f) and f.outcome is Outcome.NO_EVIDENCE)]
    for name in REQUIRED:
        answers = [f for f in decision.gates if f.name == name]
        fine = (Outcome.PASS, Outcome.NOT_APPLICABLE) if name in MAY_NOT_APPLY else (Outcome.PASS,)
        if overall(answers) not in fine:
            short = [f for f in answers if f.outcome is Outcome.NO_EVIDENCE] or answers
            missing += [f for f in short if not (name in FOLLOW and f.cell in touched)]
    return missing


def _named(claim: ScopeClaim) -> set[str]:
    """Gates that the reasons of a scope beside speed name. Joules that may not be believed have no number: then its own
    gate and those that ask elsewhere only repeat that nothing is known."""
    if claim.verdict in ACCEPTING:
        return set()
    heads = [reason.partition(":")[0].partition(" (")[0] for reason in claim.reasons]
    names = {name for head in heads for name in head.split(", ") if name in (*REQUIRED, ENERGY, ECD)}
    return names - {ENERGY, ECD, *FOLLOW} if "provenance" in names else names
