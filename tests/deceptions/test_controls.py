"""Honest work on machines that misbehave a little reaches the verdict that its truth allows."""

import pytest

from tests.deceptions.controls import CONTROLS, FAMILIES, Control, Ending, answer_to, ending_of
from tests.deceptions.table import endings


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_no_honest_control_gets_a_verdict_that_its_truth_denies(control: Control) -> None:
    assert ending_of(control) is not Ending.BLOCKED, answer_to(control).words


def test_there_are_enough_controls_that_reach_a_verdict_and_enough_families() -> None:
    assert len(FAMILIES) >= 7
    assert endings()[Ending.REACHED] >= 80


def test_at_most_one_honest_control_in_59_is_left_without_a_verdict() -> None:
    assert endings()[Ending.UNRESOLVED] <= len(CONTROLS) / 59
