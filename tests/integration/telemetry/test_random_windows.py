"""Joules of random windows against the fake's own integrator, and how often the stated uncertainty covers them.

Errors of a sensor (gain, offset) are drawn one from each of as many equally likely strata, so that 200 windows show the
coverage as well as some thousands drawn independently would: between 94 and 97 % says something about the budget and
not about the dice.
"""

import math
import random
import statistics

import pytest

from ace.domain.energy import UNALIGNED, EnergyPlan
from ace.telemetry.uncertainty import BOARD as SENSOR
from tests.integration.telemetry.board import Board

WINDOWS = 200


@pytest.fixture
def dice():
    return random.Random(7)


def strata(dice, sd):
    """WINDOWS normal draws of mean 0, one from each of as many equally likely parts, in random order."""
    normal = statistics.NormalDist(0, sd)
    drawn = [normal.inv_cdf((i + dice.random()) / WINDOWS) for i in range(WINDOWS)]
    dice.shuffle(drawn)
    return drawn


def test_random_windows_of_a_counter_are_within_their_stated_uncertainty_as_often_as_it_says(board, dice):
    covered, aligned_errors = 0, []
    gains, offsets = strata(dice, SENSOR.gain), strata(dice, SENSOR.offset_w)
    for gain, offset in zip(gains, offsets, strict=True):
        board._fake.fake_reset()
        power_w = dice.uniform(60, 280)
        board.set(base=power_w, period=dice.uniform(0.02, 0.1), gain=1 + gain, offset=offset)
        board.advance(dice.uniform(0, 0.3))
        window, true_j = board.window(call_s=dice.uniform(0.01, 0.05), plan=EnergyPlan("nvml", relative_error=0.05))
        covered += abs(window.energy_j - true_j) < 1.96 * window.budget.relative * window.energy_j
        seen = (1 + gain) * true_j + offset * window.work_s  # what a perfect reader of this sensor would say
        aligned_errors.append(window.energy_j / seen - 1)
        assert abs(aligned_errors[-1]) < 4 * window.budget.random
        assert UNALIGNED not in window.flags
    assert 0.94 <= covered / WINDOWS <= 0.97
    assert math.sqrt(statistics.fmean(e * e for e in aligned_errors)) < 3e-3


def test_scattering_polls_are_covered_by_their_random_part(build, dice):
    covered = 0
    for seed in range(40):
        board = Board(build())
        board.seed(seed)
        board.set(energy_code=3, base=200, scatter=0.05, period=0.1)
        board.advance(seed * 0.013)
        window, true_j = board.window(call_s=0.02, plan=EnergyPlan("nvml", relative_error=0.05))
        covered += abs(window.energy_j / true_j - 1) < 1.96 * window.budget.random
    assert covered >= 34  # of 38 expected: 40 draws at 95 %


def test_the_ratio_of_two_arms_on_one_board_is_covered_though_its_gain_is_not_known(board, dice):
    from ace.decide.power_pairs import Pair, paired
    from ace.domain.energy import SessionEnergy

    plan, covered = EnergyPlan("nvml", relative_error=0.05), 0
    for gain, offset in zip(strata(dice, SENSOR.gain), strata(dice, SENSOR.offset_w), strict=True):
        board._fake.fake_reset()
        made, true_w = [], []
        for arm in ("baseline", "candidate"):
            power_w = dice.uniform(60, 280)
            board.set(base=power_w, gain=1 + gain, offset=offset)
            window, true_j = board.window(call_s=0.02, plan=plan, arm=arm)
            made.append(window)
            true_w.append(true_j / window.work_s)
        found = paired(plan, SessionEnergy((), (), tuple(made)), "nvml_counter")
        assert isinstance(found, Pair)
        random_part = math.hypot(*(window.budget.random for window in made))
        error = found.saved - math.log(true_w[0] / true_w[1]) - found.faster
        covered += abs(error) < 1.96 * math.hypot(found.shared, random_part)
    assert 0.94 <= covered / WINDOWS <= 1.0
