"""Every deception is revealed by what is meant to reveal it, and would be accepted without its lie."""

import pytest

from ace.decide.gates import REQUIRED
from ace.decide.skeptic import challenge
from ace.domain.plan import DEVELOPMENT
from ace.domain.verdict import Regime
from tests.deceptions.case import Case, answer_to, answer_without, the_truth
from tests.deceptions.judged import ACCEPTING
from tests.deceptions.lies import CASES, DECEPTIONS
from tests.unit.decide.registered import POLICY
from tests.unit.decide.table import only_cell

WITHOUT_A_TWIN = {
    "one baseline for a whole map, imported",
    "the same, called interleaved",
    "the luckiest cell as headline",
}
"""Deceptions whose honest twin claims nothing: maps, which no registration follows."""


def named(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_deception_gets_its_verdict_for_the_reason_that_is_meant(case: Case) -> None:
    found = answer_to(case)
    seen = found.warned - answer_without(case.truth, case.scope).warned if case.only_warns else found.culprits
    assert found.verdict is case.verdict, found.words
    if case.among_others:
        assert set(case.revealed_by) <= seen
    else:
        assert set(case.revealed_by) == seen, found.words
    assert case.says in found.words


@pytest.mark.parametrize("case", DECEPTIONS, ids=named)
def test_no_deception_is_accepted(case: Case) -> None:
    assert answer_to(case).verdict not in ACCEPTING


@pytest.mark.parametrize("case", CASES, ids=named)
def test_without_its_lie_the_same_evidence_is_accepted(case: Case) -> None:
    found = answer_without(case.truth, case.scope)
    assert found.verdict is case.accepted, found.words
    assert case.accepted in ACCEPTING or case.name in WITHOUT_A_TWIN


def test_names_of_deceptions_are_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_every_rule_of_the_skeptic_has_a_deception_that_it_reveals() -> None:
    [cell] = [only_cell(c.record) for c in the_truth().evidence.cells if c.run_id == "development-64x1" and c.record]
    rules = {finding.name for finding in challenge([cell], POLICY)} | {"baseline drift"}
    revealing = {name for case in CASES for name in case.revealed_by}
    assert rules <= revealing


def test_every_gate_but_coverage_has_a_deception_that_it_reveals() -> None:
    revealing = {name for case in CASES for name in case.revealed_by}
    assert set(REQUIRED) - revealing == {"coverage"}  # it speaks about the policy, not about evidence


def test_maps_that_no_registration_follows_have_no_positive_cell() -> None:
    for case in CASES:
        if case.name in WITHOUT_A_TWIN:
            cells = [c for c in answer_to(case).decision.cells if c.split == DEVELOPMENT]
            assert cells
            assert all(cell.regime is not Regime.POSITIVE for cell in cells)
