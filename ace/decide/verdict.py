"""The verdict: a pure function of the findings and a few facts, first match (4-rules). Nothing else makes one.

Turning a PASS into a FAIL never improves the verdict, and no verdict accepts while anything required is not PASS; both
are property tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ace.domain.decision import overall
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.verdict import Verdict

INVALIDATING = ("frozen", "integrity", "complete", "parity", "instrument", "provenance", "coverage")
HARMFUL = ("quality", "guardrails", "validation")
FRUITLESS = ("gain", "memory", "energy", "ecd", "fairness", "holdout", "overhead")
COSTLY = ("complexity",)
MAY_NOT_APPLY = ("fairness",)
"""Gates without which a claim can be accepted where each of their answers says why it does not apply: a compiler has no
rival but itself."""
REQUIRED_RULES = (
    "mechanism absent",
    "too good",
    "timed is not scored",
    "touched baseline",
    "clock",
    "cached",
    "disguise",
    "truncated",
    "late work",
    "interference",
)
"""Blocking rules: acceptance also requires that they could look, where they were asked to."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the verdict needs to know beside findings. `lost_everywhere`: every development cell is bounded below
    -margin. `nothing_left`: in every cell that was attempted it is known that no gain worth having is there.
    `calibration`: planted compute, which claims nothing. `claims_grid`: the claim is the whole planned grid."""

    registered: bool
    holdout_opened: bool
    calibration: bool
    lost_everywhere: bool
    nothing_left: bool
    claims_grid: bool


Answer = tuple[Verdict, tuple[str, ...]]


def verdict_of(
    gates: Sequence[Finding], doubts: Sequence[Finding], required: Sequence[str], standing: Standing
) -> Answer:
    """The verdict of one scope and its reasons, most telling first."""
    blocks = [f for f in doubts if f.severity is Severity.BLOCK and f.outcome is Outcome.FAIL]
    if found := _failing(gates, INVALIDATING) + [_reason(f) for f in blocks]:
        return Verdict.INVALID, tuple(found)
    if found := _failing(gates, HARMFUL):
        return Verdict.REJECTED_HARM, tuple(found)
    if standing.lost_everywhere:
        return Verdict.REJECTED_HARM, ("every development cell is slower by more than the margin",)
    if found := _failing(gates, FRUITLESS):
        return Verdict.REJECTED_NO_GAIN, tuple(found)
    if standing.nothing_left:
        return Verdict.REJECTED_NO_GAIN, (
            "in every development cell a gain worth having is ruled out, or the cell collapses",
        )
    if found := _failing(gates, COSTLY):
        return Verdict.PROMISING_BUT_COMPLEX, tuple(found)
    if found := _unsealed(standing):
        return Verdict.EXPLORATORY, (*found, *_missing(gates, doubts, required))
    if found := _missing(gates, doubts, required):
        return Verdict.INCONCLUSIVE, tuple(found)
    if not standing.claims_grid:
        return Verdict.ACCEPTED_WITHIN_ENVELOPE, ("every required gate passes in the claimed cells, part of the grid",)
    return Verdict.ACCEPTED, ("every required gate passes on the whole grid",)


def _failing(gates: Sequence[Finding], names: Sequence[str]) -> list[str]:
    return [_reason(f) for name in names for f in gates if f.name == name and f.outcome is Outcome.FAIL]


def _missing(gates: Sequence[Finding], doubts: Sequence[Finding], required: Sequence[str]) -> list[str]:
    """What keeps from acceptance: required gates that do not pass, required rules that could not look."""
    open_findings: list[Finding] = []
    silent = []
    for name in required:
        answers = [f for f in gates if f.name == name]
        fine = (Outcome.PASS, Outcome.NOT_APPLICABLE) if name in MAY_NOT_APPLY else (Outcome.PASS,)
        if overall(answers) not in fine:
            unanswered = [f for f in answers if f.outcome is Outcome.NO_EVIDENCE] or answers
            open_findings += unanswered[:1]
            silent += [] if answers else [f"{name}: did not answer"]
    open_findings += [f for f in doubts if must_look(f) and f.outcome is Outcome.NO_EVIDENCE]
    return [*_by_step(open_findings), *silent]


def must_look(doubt: Finding) -> bool:
    """Whether acceptance waits for this rule: one that only warns here says that it never could look."""
    return doubt.name in REQUIRED_RULES and doubt.severity is Severity.BLOCK


def _by_step(findings: Sequence[Finding]) -> list[str]:
    """One reason a next step: gates that wait for the same thing are named together, what can be done comes first."""
    steps: dict[str, list[Finding]] = {}
    for finding in findings:
        steps.setdefault(finding.next_step, []).append(finding)
    told = [
        _reason(some[0]) if len(some) == 1 else f"{', '.join(dict.fromkeys(f.name for f in some))}: {step}"
        for step, some in steps.items()
    ]
    return sorted(told, key=lambda text: "this version" in text)


def _unsealed(standing: Standing) -> list[str]:
    facts = (
        (standing.calibration, "this is a calibration with planted compute: it claims nothing"),
        (not standing.registered, "the claim is not registered"),
        (not standing.holdout_opened, "the holdout has not been opened"),
    )
    return [text for holds, text in facts if holds]


def _reason(finding: Finding) -> str:
    """`gain (development 64x1): what was seen -> what to do`."""
    place = f" ({finding.cell})" if finding.cell else ""
    step = f" -> {finding.next_step}" if finding.next_step else ""
    return f"{finding.name}{place}: {finding.evidence}{step}"
