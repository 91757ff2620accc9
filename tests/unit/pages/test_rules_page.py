"""docs/rules.md names every gate and every rule, each with what the code asks."""

import re

import pytest

from ace.decide.verdict import COSTLY, FRUITLESS, HARMFUL, INVALIDATING, REQUIRED_RULES
from ace.domain.plan import SCOPES
from ace.domain.verdict import Verdict
from tests.unit.pages import asked, written
from tests.unit.pages.written import PAGE, keys_named, told

GATES, RULES = asked.gates(), asked.rules()
VERDICTS = {
    **dict.fromkeys(INVALIDATING, Verdict.INVALID),
    **dict.fromkeys(HARMFUL, Verdict.REJECTED_HARM),
    **dict.fromkeys(FRUITLESS, Verdict.REJECTED_NO_GAIN),
    **dict.fromkeys(COSTLY, Verdict.PROMISING_BUT_COMPLEX),
}


BOTH = {**written.GATES, **written.RULES}


def test_the_page_has_a_section_for_each_gate_in_the_order_of_the_trace() -> None:
    assert list(written.GATES) == list(GATES)


def test_the_page_has_a_section_for_each_rule_of_the_skeptic() -> None:
    assert sorted(written.RULES) == sorted(RULES)


@pytest.mark.parametrize("name", [*GATES, *RULES])
def test_a_section_quotes_the_thresholds_that_the_code_asks_and_no_others(name: str) -> None:
    assert told(BOTH[name], "asks") == list({**GATES, **RULES}[name].thresholds)


@pytest.mark.parametrize("name", [*GATES, *RULES])
def test_a_section_says_where_its_threshold_comes_from_and_what_to_do(name: str) -> None:
    assert len(told(BOTH[name], "from")) == len(told(BOTH[name], "to do")) == 1


@pytest.mark.parametrize("name", [*GATES, *RULES])
def test_a_section_names_every_key_of_the_policy_that_the_check_reads(name: str) -> None:
    assert keys_named(name) >= asked.keys_read(name)


@pytest.mark.parametrize("name", GATES)
def test_a_gate_that_fails_gives_the_verdict_that_its_section_says(name: str) -> None:
    assert told(BOTH[name], "FAIL gives") == [VERDICTS[name]]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_does_what_its_section_says_when_it_fires(name: str) -> None:
    (fires,) = told(BOTH[name], "fires")
    assert RULES[name].severities <= set(re.findall(r"\b(?:block|downgrade|warn)\b", fires))


def test_acceptance_waits_for_the_rules_that_are_marked_so() -> None:
    marked = {name for name, lines in written.RULES.items() if "acceptance waits for it" in lines}
    assert marked == set(REQUIRED_RULES)


def test_the_table_of_scopes_has_the_gates_that_each_scope_requires() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows if name not in asked.scopes()["speed"]] == ["memory", "energy", "ecd"]
    for column, scope in enumerate(("speed", "memory", "energy", "ecd")):
        required = [name for name, cells in rows if cells.split("|")[column].strip()]
        assert sorted(required) == sorted(asked.scopes()[scope]), scope
    assert set(SCOPES) == set(asked.scopes())


def test_every_verdict_stands_in_the_table_in_the_order_in_which_it_is_tried() -> None:
    assert re.findall(r"^\| ([A-Z_]{6,}) \|", PAGE.split("## Gates")[0], re.MULTILINE)[-len(Verdict):] == list(Verdict)
