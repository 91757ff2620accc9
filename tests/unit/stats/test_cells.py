import numpy as np
import pytest

from ace.stats import compare, compare_cells, screen, screen_and_confirm
from ace.stats.multiplicity import holm_adjusted, simultaneous_level
from ace.stats.pooling import moderated
from tests.calibration.noise import MACHINES, draw


def grid(effects, sessions=10, rounds=10, seed=0, machine="quiet"):
    rng = np.random.default_rng(seed)
    drawn = [draw(MACHINES[machine], effect, 1, sessions, rounds, rng) for effect in effects]
    return [(b[0], c[0]) for b, c in drawn]


def test_answers_come_back_in_the_order_of_the_cells():
    answers = [c.answer for c in compare_cells(grid([0.05, 0.0, -0.05, 0.05]))]
    assert answers == ["faster", "same", "slower", "faster"]


def test_cells_of_different_sizes_are_judged_together():
    mixed = grid([0.05], 10, 10) + grid([0.05], 12, 20) + grid([0.05], 3, 8) + grid([0.05], 10, 1)
    judged = compare_cells(mixed)
    assert [c.sessions for c in judged] == [10, 12, 3, 10]
    assert [c.answer for c in judged] == ["faster", "faster", "inconclusive", "inconclusive"]


def test_simultaneous_intervals_are_wider_than_single_ones_on_average():
    cells = grid([0.0] * 40)
    together = np.mean([c.high - c.low for c in compare_cells(cells)])
    alone = np.mean([c.high - c.low for c in (compare(*cell) for cell in cells)])
    assert together > alone


def test_a_grid_of_one_cell_is_a_plain_comparison():
    [cell] = grid([0.02])
    alone, together = compare(*cell), compare_cells([cell])[0]
    assert together.answer == alone.answer
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high))


def test_an_empty_grid_has_no_answers():
    assert compare_cells([]) == []


def test_a_cell_that_cannot_be_estimated_leaves_the_others_alone():
    constant = np.full((10, 10), 1.0)
    judged = compare_cells([*grid([0.05, 0.0]), (constant, constant)])
    assert [c.answer for c in judged] == ["faster", "same", "inconclusive"]


def test_holm_is_the_textbook_example():
    assert holm_adjusted(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_an_interval_clear_of_the_margin_is_always_answered():
    for seed in range(20):
        for c in compare_cells(grid([0.0, 0.01, 0.02, 0.03], seed=seed), margin=0.0):
            assert c.answer == "faster" or c.low <= 0 or "not steady" in c.reasons
    assert simultaneous_level(0.95, 1) == pytest.approx(0.95)


def test_pooling_lends_degrees_of_freedom_and_never_lowers_a_variance():
    rng = np.random.default_rng(0)
    variances = rng.chisquare(9, 64) / 9
    variances[0] = 16.0
    shrunk, dfs = moderated(variances, np.full(64, 9.0))
    assert (shrunk >= variances).all()
    assert (dfs > 9).all()
    assert shrunk[0] == 16.0
    assert shrunk[1:].min() > 0.5


def test_the_screen_keeps_what_gains_and_fresh_sessions_decide():
    effects = [0.05, 0.05, *[0.0] * 30]
    fresh = dict(enumerate(grid(effects, seed=9)))
    asked = []

    def remeasure(index):
        asked.append(index)
        return fresh[index]

    confirmed = screen_and_confirm(grid(effects, sessions=6), remeasure)
    assert asked == list(confirmed) == list(screen(grid(effects, sessions=6)))
    assert {index for index, c in confirmed.items() if c.answer == "faster"} == {0, 1}
    assert confirmed[0].gain == pytest.approx(compare(*fresh[0]).gain)
