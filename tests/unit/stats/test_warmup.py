import numpy as np
import pytest

from ace.stats.robust import trimmed_mean, yuen
from ace.stats.warmup import find_warm_up
from tests.calibration.noise import Machine, draw


def found(machine, many=200, sessions=10, rounds=20, seed=0):
    b, c = draw(machine, 0.0, many, sessions, rounds, np.random.default_rng(seed))
    return find_warm_up(np.log(b), np.log(c))


def test_settled_sessions_are_seldom_cut():
    assert np.mean(found(Machine()).rounds > 0) < 0.12


def test_cuts_are_whole_blocks_and_leave_two():
    rounds = found(Machine(warm_candidate=0.3, warm_rounds=4)).rounds
    assert set(rounds % 2) == {0}
    assert rounds.max() <= 16


@pytest.mark.parametrize("arms", [(0.3, 0.3), (0.3, 0.0), (0.0, 0.3)])
def test_a_warm_up_in_either_arm_is_found(arms):
    rounds = found(Machine(warm_baseline=arms[0], warm_candidate=arms[1], warm_rounds=1)).rounds
    assert np.mean(rounds >= 4) > 0.9


def test_a_longer_warm_up_is_cut_further():
    short, long = (found(Machine(warm_candidate=0.3, warm_rounds=w)).rounds.mean() for w in (0.5, 2.0))
    assert short < long


def test_a_common_rise_over_the_session_is_not_a_warm_up():
    assert np.mean(found(Machine(drift=0.1)).rounds > 0) < 0.12


def test_a_decay_longer_than_the_session_has_not_settled():
    assert np.mean(found(Machine(warm_candidate=0.2, warm_rounds=10)).settled) < 0.1


def test_the_cut_does_not_depend_on_which_arm_is_called_baseline():
    b, c = draw(Machine(warm_candidate=0.1, warm_rounds=2), 0.0, 200, 10, 20, np.random.default_rng(1))
    there, back = find_warm_up(np.log(b), np.log(c)), find_warm_up(np.log(c), np.log(b))
    assert (there.rounds == back.rounds).all()
    assert (there.settled == back.settled).all()


def test_long_sessions_are_cut_in_segments():
    rounds = found(Machine(warm_candidate=0.3, warm_rounds=10), many=20, rounds=400).rounds
    assert np.mean(rounds >= 20) == 1
    assert rounds.max() < 200


def test_a_trimmed_mean_ignores_three_spikes_of_ten():
    clean = np.linspace(-1, 1, 10)
    spiked = clean.copy()
    spiked[[0, 4, 9]] = 1e6
    assert abs(trimmed_mean(spiked)) < 1


def test_yuen_without_trimming_is_the_standard_error():
    x = np.random.default_rng(0).normal(size=12)
    mean, error, df = yuen(x, 0.0)
    assert (mean, error, df) == pytest.approx((x.mean(), x.std(ddof=1) / np.sqrt(12), 11))


def test_a_cell_is_cut_alike_by_itself_and_among_others():
    rng = np.random.default_rng(5)
    cells, sessions, rounds = 1000, 10, 10
    warm = rng.choice([0.0, 0.01, 0.02], cells)[:, None, None] * 0.7 ** (np.arange(rounds) // 2)
    baseline, candidate = warm + rng.normal(0, 0.01, (2, cells, sessions, rounds))
    together = find_warm_up(baseline, candidate)
    alone = [find_warm_up(baseline[[i]], candidate[[i]]) for i in range(cells)]
    assert together.rounds.tolist() == [one.rounds[0] for one in alone]
    assert together.settled.tolist() == [one.settled[0] for one in alone]
