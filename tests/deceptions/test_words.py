"""What a block says to whoever made the idea: what was seen, why it matters, what to do; and no more than was seen."""

import re

import pytest

from ace.domain.finding import Finding, Outcome, Severity
from tests.deceptions.case import answer_to
from tests.deceptions.lies import CASES

WHY = {
    "cached": "inputs in use do not come twice",
    "clock": "its numbers come from these functions|fit into no real time are no gain|one of two clocks shows are no",
    "disguise": "says nothing of another|beside a slower baseline|no gain in use",
    "interference": "no gain of its own|says nothing of another",
    "late work": "what came later was not timed|is paid by others",
    "mechanism absent": "explains no gain|a claim is about one idea",
    "sham wins": "not all of the gain is the idea's",
    "timed is not scored": "counts for the answer that is scored",
    "too good": "does not explain it|not all of its work is done in the timed call",
    "touched baseline": "one baseline|runs through these too|makes any candidate fast|beside a slower baseline",
    "truncated": "saved without being declared",
}
ACCUSING = re.compile(r"\b(cheat|lie|lied|lying|fake|fraud|trick|dishonest|deceive|deception|hide|hidden|you)\w*", re.I)


def findings() -> list[Finding]:
    return [f for case in CASES for f in answer_to(case).decision.findings if f.severity is Severity.BLOCK]


def fired() -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings():
        if finding.outcome is Outcome.FAIL:
            found.setdefault(finding.name, []).append(finding)
    return found


def test_every_rule_that_can_block_does_so_in_some_deception_and_has_its_reason_in_this_list() -> None:
    assert set(fired()) == {finding.name for finding in findings()} == set(WHY)


@pytest.mark.parametrize("rule", WHY)
def test_a_block_says_what_was_seen_why_it_matters_and_what_to_do(rule: str) -> None:
    for block in fired()[rule]:
        seen = re.split(WHY[rule], block.evidence)
        assert len(seen) > 1, block.evidence
        assert re.search(r"\d|replaced|not as before", seen[0]), block.evidence
        assert len(block.next_step.split()) >= 4, block.next_step


@pytest.mark.parametrize("rule", WHY)
def test_a_block_accuses_nobody(rule: str) -> None:
    for block in fired()[rule]:
        assert not ACCUSING.search(f"{block.evidence} {block.next_step}"), block
