import pytest

from ace.decide.gates.instrument import instrument
from ace.domain.finding import Outcome
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, laid_out, outcomes

POLICY = b.near_term()
SMALL = 0.042  # above the 3 % that are worth having, and not with 1 % taken off


def ask(*records):
    return list(instrument(laid_out(*(b.stored(r) for r in records)), POLICY))


@pytest.mark.parametrize(
    ("null_gain", "offset_sd", "sessions", "outcome"),
    [
        (0.0, 0.005, 10, Outcome.PASS),
        (0.004, 0.0005, 10, Outcome.PASS),  # beyond chance, within the margin
        (0.05, 0.005, 10, Outcome.FAIL),
        (-0.05, 0.005, 10, Outcome.FAIL),
        (0.0, 0.15, 10, Outcome.NO_EVIDENCE),  # cannot see 3 %
        (0.0, 0.005, 5, Outcome.NO_EVIDENCE),
    ],
)
def test_the_null_arm_tells_what_this_machine_can_see(null_gain, offset_sd, sessions, outcome):
    made = b.record(GAIN, null_gain=null_gain, offset_sd=offset_sd, sessions=sessions, seed=2)
    assert outcomes(ask(made)) == {outcome}


@pytest.mark.parametrize("null_gain", [0.011, -0.011])
@pytest.mark.parametrize(
    ("gain", "outcome"),
    [(GAIN, Outcome.PASS), (SMALL, Outcome.NO_EVIDENCE), (0.0, Outcome.NO_EVIDENCE), (-0.1, Outcome.NO_EVIDENCE)],
)
def test_a_small_error_of_the_instrument_harms_no_gain_that_is_worth_having_without_it(null_gain, gain, outcome):
    """The error is beyond chance, and its interval crosses the margin of 1 %."""
    [found] = ask(b.record(gain, null_gain=null_gain, offset_sd=0.003, seed=2))
    assert found.outcome is outcome
    assert "beyond chance" in found.evidence


def test_a_machine_that_cannot_see_delta_names_the_sessions_that_could():
    [found] = ask(b.record(GAIN, offset_sd=0.15, seed=2))
    assert "cannot see" in found.evidence
    assert "sessions in all: python launch.py" in found.next_step


def test_the_same_shape_on_validation_is_asked_too():
    found = ask(*(b.honest(GAIN, b.plan(split=split)) for split in ("development", "validation")))
    assert [f.cell for f in found] == ["development 64x1", "validation 64x1"]


def test_one_null_arm_of_twelve_beyond_its_own_chance_is_within_theirs():
    strange = b.record(SMALL, null_gain=0.01, offset_sd=0.012, seed=2)  # p = .0125
    others = [b.record(GAIN, of=b.plan(batch=batch), seed=batch) for batch in range(2, 13)]
    assert outcomes(ask(strange)) == {Outcome.NO_EVIDENCE}
    assert outcomes(ask(strange, *others)) == {Outcome.PASS}
