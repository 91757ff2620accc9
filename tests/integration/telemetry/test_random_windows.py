"""Joules of random windows against the fake's own integrator, and how often the stated uncertainty covers them."""

import math
import random

import pytest

from ace.domain.energy import UNALIGNED, EnergyPlan
from tests.integration.telemetry.board import Board


@pytest.fixture
def dice():
    return random.Random(7)


def test_random_windows_of_a_perfect_counter_are_right_to_a_thousandth(board, dice):
    errors = []
    for _ in range(25):
        board._fake.fake_reset()
        board.set(base=dice.uniform(60, 280), period=dice.uniform(0.02, 0.1))
        board.advance(dice.uniform(0, 0.3))
        window, true_j = board.window(call_s=dice.uniform(0.003, 0.05))
        errors.append(window.energy_j / true_j - 1)
        assert abs(errors[-1]) < 4 * window.budget.random
        assert UNALIGNED not in window.flags
    assert math.sqrt(sum(e * e for e in errors) / len(errors)) < 1e-3


def test_gain_and_offset_of_a_sensor_are_covered_by_the_budget_of_the_energy(board, dice):
    covered = 0
    for _ in range(40):
        board._fake.fake_reset()
        board.set(base=dice.uniform(80, 250), gain=dice.gauss(1, 0.045), offset=dice.gauss(0, 8))
        window, true_j = board.window(call_s=0.02)
        covered += abs(window.energy_j - true_j) < 1.96 * window.budget.relative * true_j
    assert covered >= 34  # of 38 expected: 40 draws at 95 %


def test_scattering_polls_are_covered_by_their_random_part(build, dice):
    covered = 0
    for seed in range(40):
        board = Board(build())
        board.seed(seed)
        board.set(energy_code=3, base=200, scatter=0.05, period=0.1)
        board.advance(seed * 0.013)
        window, true_j = board.window(call_s=0.02, plan=EnergyPlan("nvml", relative_error=0.05))
        covered += abs(window.energy_j / true_j - 1) < 1.96 * window.budget.random
    assert covered >= 34
