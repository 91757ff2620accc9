"""A sequential cell may stop whenever its answer is settled, and its bounds have paid for every look."""

from dataclasses import replace

import numpy as np
import pytest

from ace.decide import judge
from ace.decide.cell_answer import answer_line
from ace.decide.gates.completeness import complete
from ace.decide.stopping import stop_rule
from ace.domain.finding import Outcome
from ace.domain.plan import OBRIEN_FLEMING, Protocol
from ace.domain.record import CellRecord, Look
from ace.domain.verdict import Verdict
from ace.errors import PlanError
from tests.unit.decide import builders as b
from tests.unit.decide.table import laid_out, only_cell, outcomes, the_fail

SEQUENTIAL = Protocol("sequential", 20, 12, 3, 0.001, 1, 900, OBRIEN_FLEMING)


def stopped(gain: float, sessions: int, settled: bool = True, **changes: object) -> CellRecord:
    made = b.honest(gain, replace(b.plan(), protocol=SEQUENTIAL), **changes)
    look = Look(sessions, "faster", 0.1, 0.2, settled)
    return replace(made, sessions=made.sessions[:sessions], looks=(look,))


def test_a_fixed_protocol_has_no_stop_rule():
    assert stop_rule(b.plan().protocol, b.near_term()) is None


def test_a_large_gain_stops_at_the_first_look_and_a_small_one_goes_on():
    rule = stop_rule(SEQUENTIAL, b.near_term())
    assert rule is not None
    large = b.record(0.4, sessions=20).sessions
    assert rule(large[:6]).settled
    near_the_floor = b.record(0.03, sessions=20).sessions
    assert not rule(near_the_floor[:6]).settled


def test_no_difference_stops_when_it_is_known_to_be_none():
    rule = stop_rule(SEQUENTIAL, b.near_term())
    assert rule is not None
    nothing = b.record(0.0, sessions=20, offset_sd=0.002).sessions
    looks = [rule(nothing[:n]) for n in range(6, 21)]
    first = next(look for look in looks if look.settled)
    assert first.answer == "same"
    assert first.sessions < 20


def test_a_noisy_null_arm_keeps_a_cell_from_stopping():
    rule = stop_rule(SEQUENTIAL, b.near_term())
    assert rule is not None
    noisy = b.record(0.4, sessions=8, offset_sd=0.05).sessions
    assert not rule(noisy).settled


def test_bounds_of_a_sequential_cell_are_wider_than_those_of_a_fixed_design():
    sequential = only_cell(stopped(0.122, 8))
    fixed = only_cell(replace(stopped(0.122, 8), plan=b.plan(sessions=8), looks=()))
    assert sequential.bounds.low < fixed.bounds.low


def test_sessions_not_measured_after_a_settled_look_are_no_gap():
    assert outcomes(complete(laid_out(b.stored(stopped(0.122, 8))), b.near_term())) == {Outcome.PASS}
    [decision] = judge(b.evidence(b.stored(stopped(0.122, 8))), b.near_term())
    assert decision.verdict is Verdict.EXPLORATORY


@pytest.mark.parametrize("changes", [{"settled": False}, {"sessions": 7}])
def test_sessions_that_are_missing_without_a_look_that_settled_are_a_gap(changes):
    made = stopped(0.122, 8)
    wrong = replace(made, looks=(replace(made.looks[0], **changes),))
    assert "neither measured nor failed" in the_fail(complete(laid_out(b.stored(wrong)), b.near_term())).evidence


def test_a_look_after_every_session_rarely_claims_what_is_not_there():
    rng = np.random.default_rng(5)
    rule = stop_rule(replace(SEQUENTIAL, rounds=10), b.near_term())
    assert rule is not None
    claims = 0
    for _ in range(60):
        sessions = b.record(0.0, sessions=20, seed=int(rng.integers(1 << 30)), offset_sd=0.01).sessions
        looks = [rule(sessions[:n]) for n in (6, 10, 15, 20)]
        claims += any(look.answer in ("faster", "slower") for look in looks)
    assert claims <= 2  # the margin leaves at most two in a thousand; six in sixty would be 5 % twice over


def test_the_first_word_on_a_sequential_cell_uses_its_boundary_too():
    assert "faster" in answer_line(stopped(0.4, 6), b.near_term())


def test_a_sequential_maximum_below_the_first_look_is_refused():
    with pytest.raises(PlanError, match=r"protocol\.sessions=5"):
        replace(SEQUENTIAL, sessions=5)
    with pytest.raises(PlanError, match=r"protocol\.stopping=whenever"):
        replace(SEQUENTIAL, stopping="whenever")
