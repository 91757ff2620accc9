import numpy as np
import pytest

from ace.stats import cost_line

WORK = np.array([1e8, 3e8, 1e9, 4e9, 2e10])
FIXED_S, RATE = 2e-3, 4e-12


def test_a_line_without_noise_is_found_whatever_its_units():
    found = cost_line(WORK, FIXED_S + RATE * WORK)
    assert found.intercept.value == pytest.approx(FIXED_S)
    assert found.slope.value == pytest.approx(RATE)
    assert max(map(abs, found.residuals)) < 1e-9


def test_a_fixed_cost_is_told_from_none_although_the_largest_cell_is_a_hundred_times_it():
    rng = np.random.default_rng(1)
    noisy = (FIXED_S + RATE * WORK) * np.exp(rng.normal(0, 0.01, len(WORK)))
    found = cost_line(WORK, noisy)
    assert found.intercept.low < FIXED_S < found.intercept.high
    assert found.intercept.low > 0.8 * FIXED_S
    none = cost_line(WORK, RATE * WORK * np.exp(rng.normal(0, 0.01, len(WORK))))
    assert none.intercept.low < 0 < none.intercept.high


def test_its_intervals_hold_as_often_as_they_say():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        found = cost_line(WORK, (FIXED_S + RATE * WORK) * (1 + rng.normal(0, 0.03, len(WORK))))
        hits += found.intercept.low <= FIXED_S <= found.intercept.high
    assert 0.90 <= hits / 400 <= 0.99


@pytest.mark.parametrize(
    ("work", "cost"),
    [([], []), (WORK[:3], WORK[:3]), ([1e9] * 5, [1.0, 1.1, 1.2, 1.3, 1.4]), ([0.0, *WORK], [1.0, *WORK])],
)
def test_no_line_goes_through_few_points_or_points_of_one_place(work, cost):
    assert cost_line(work, cost) is None


def test_a_point_off_the_line_has_the_largest_residual():
    cost = FIXED_S + RATE * WORK
    cost[2] *= 1.5
    assert int(np.argmax(np.abs(cost_line(WORK, cost).residuals))) == 2
