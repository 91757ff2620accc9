from dataclasses import replace

import pytest

from ace.decide.gates.clocks import STEP_S, clocks
from ace.decide.gather import gather
from ace.domain.finding import Outcome
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r
from tests.unit.decide.table import each_session


def ask(*records):
    [case] = gather(b.evidence(*(b.stored(made) for made in records)))
    return clocks("integrity", case)


def test_what_follows_one_another_passes():
    found = ask(b.record(), b.record(seed=1))
    assert (found.outcome, found.evidence) == (Outcome.PASS, "times of day of 2 records follow one another")


@pytest.mark.parametrize("back", [0.5, STEP_S - 1])
def test_a_small_step_back_is_told_and_passes(back):
    found = ask(replace(b.record(), ended_at=1040.0 - back))
    assert found.outcome is Outcome.PASS
    assert f"its record ended {back:g} s before session 9 was measured" in found.evidence


def test_many_small_steps_back_are_a_large_one():
    made = each_session(b.record(), lambda s: replace(s, started_at=s.started_at - 10 * s.index))
    assert ask(made).outcome is Outcome.NO_EVIDENCE


def test_a_large_step_back_denies_nothing_and_proves_nothing():
    found = ask(replace(b.record(), ended_at=0.0))
    assert found.outcome is Outcome.NO_EVIDENCE
    assert "under another experiment.name" in found.next_step


def test_a_clock_that_jumps_forward_is_a_machine_that_slept():
    made = each_session(b.record(), lambda s: replace(s, started_at=s.started_at + 1e6 * (s.index > 4)))
    assert ask(replace(made, ended_at=made.ended_at + 1e6)).outcome is Outcome.PASS


def test_without_a_record_there_is_no_time_to_compare():
    [case] = gather(b.evidence(b.stored(b.record(), record=None)))
    assert clocks("integrity", case).outcome is Outcome.NOT_APPLICABLE


def test_registration_look_and_run_follow_one_another():
    cells = r.explored((64, 1))
    made = r.registration_of(cells)
    late = replace(r.look_of(made), opened_at=made.frozen_at + 500)
    for look, back in ((r.look_of(made), None), (late, "the run began 498 s before its look")):
        [case] = gather(r.evidence(cells + r.opened(made, look), made, (look,)))
        found = clocks("integrity", case)
        assert found.outcome is (Outcome.PASS if back is None else Outcome.NO_EVIDENCE)
        assert (back or "follow one another") in found.evidence
