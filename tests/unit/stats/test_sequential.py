import numpy as np
import pytest

from ace.domain.estimate import Answer
from ace.errors import EvidenceError
from ace.stats import compare, compare_sequential
from ace.stats.boundaries import CONSTANTS, MAXIMA, constant, nominal_level, simulate
from tests.calibration.noise import MACHINES, draw


def timings(effect, sessions=20, seed=0):
    b, c = draw(MACHINES["quiet"], effect, 1, sessions, 10, np.random.default_rng(seed))
    return b[0], c[0]


def test_few_sessions_never_raise():
    b, c = timings(0.5)
    assert {compare_sequential(b[:n], c[:n], max_sessions=20).answer.value for n in range(6)} == {"inconclusive"}


def test_more_sessions_than_declared_are_refused():
    with pytest.raises(EvidenceError, match="max_sessions=12"):
        compare_sequential(*timings(0.0, 13), max_sessions=12)


def test_a_maximum_may_be_a_number_of_numpys():
    pair = timings(0.05, 8)
    assert compare_sequential(*pair, max_sessions=np.int64(20)) == compare_sequential(*pair, max_sessions=20)


@pytest.mark.parametrize("design", [{"max_sessions": 5}, {"max_sessions": 20, "boundary": "pocock"}])
def test_an_impossible_design_is_refused(design):
    with pytest.raises(EvidenceError):
        compare_sequential(*timings(0.0), **design)


def test_a_large_gain_stops_early_and_a_small_one_does_not():
    b, c = timings(0.2)
    assert compare_sequential(b[:8], c[:8], max_sessions=20).answer == "faster"
    b, c = timings(0.02)
    assert compare_sequential(b[:6], c[:6], max_sessions=20).answer == "inconclusive"
    assert compare_sequential(b, c, max_sessions=20, margin=0.0).answer == "faster"


def test_early_looks_are_more_demanding_than_late_ones():
    levels = [nominal_level(n, 20, 0.95) for n in range(6, 21)]
    assert levels == sorted(levels)
    assert levels[0] < 0.001
    assert 0.025 < levels[-1] < 0.05


def test_a_sequential_interval_is_never_narrower_than_a_fixed_one():
    b, c = timings(0.02)
    for n in range(6, 21):
        looked, fixed = compare_sequential(b[:n], c[:n], max_sessions=20), compare(b[:n], c[:n])
        assert looked.low <= fixed.low
        assert fixed.high <= looked.high


def test_the_repeated_p_value_crosses_five_percent_with_the_boundary():
    for seed in range(40):
        b, c = timings(0.006, 12, seed)
        seen = compare_sequential(b, c, max_sessions=20, margin=0.0)
        assert (seen.p_value < 0.05) == (seen.low > 0 or seen.high < 0)


def test_a_design_with_one_look_is_a_fixed_sample():
    b, c = timings(0.02, 6)
    looked, fixed = compare_sequential(b, c, max_sessions=6), compare(b, c)
    assert (looked.low, looked.high) == pytest.approx((fixed.low, fixed.high), rel=1e-3)


@pytest.mark.parametrize("maximum", [10, 20])
def test_the_stored_constants_can_be_simulated_again(maximum):
    stored = CONSTANTS[0.95][MAXIMA.index(maximum)]
    assert simulate(maximum, 0.95, 20_000, seed=5) == pytest.approx(stored, abs=0.03)


def test_constants_between_and_beyond_the_table_are_in_order():
    assert constant(20, 0.95) < constant(25, 0.95) < constant(30, 0.95) <= constant(500, 0.95)
    assert constant(20, 0.90) < constant(20, 0.95) < constant(20, 0.975) < constant(20, 0.999)
    with pytest.raises(EvidenceError, match="confidence"):
        constant(20, 0.5)


def test_six_sessions_of_a_hundred_thousand_that_could_be_answer_nothing_and_warn_of_nothing():
    b, c = timings(0.5, 6)
    seen = compare_sequential(b, c, max_sessions=100_000)
    assert (seen.answer, seen.low) == (Answer.INCONCLUSIVE, None)


@pytest.mark.parametrize("maximum", [5, 100_001, 20.0, "20", None])
def test_a_maximum_that_is_no_design_is_refused(maximum):
    b, c = timings(0.02, 6)
    with pytest.raises(EvidenceError, match="max_sessions"):
        compare_sequential(b, c, max_sessions=maximum)
