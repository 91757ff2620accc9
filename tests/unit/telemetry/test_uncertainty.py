"""Every formula against Monte Carlo: the truth comes from an integrator of the test's own, not from the formulas."""

import math
import random

import numpy as np
import pytest

from ace.domain.budget import Budget, Component
from ace.domain.energy import DeviceState, EnergyWindow, Grade, PowerSeries, Scope
from ace.telemetry import uncertainty as u
from ace.telemetry.aliasing import LOOK_S, PERIOD_S, alias
from ace.telemetry.ecd import density, over_sessions, quality_gain

DRAWS = 3000


@pytest.fixture
def dice():
    return np.random.default_rng(20)


def coverage(errors, sds):
    """Share of errors within 1.96 of their standard deviation."""
    return float(np.mean(np.abs(errors) < 1.96 * np.asarray(sds)))


def window(arm, power_w, work_s=10.0, random=(), scope=Scope.DEVICE, grade=Grade.DEVICE_COUNTER):
    return EnergyWindow(
        arm=arm,
        source="nvml_counter",
        start_s=0.0,
        work_s=work_s,
        items=1000,
        energy_j=power_w * work_s,
        reason=None,
        update_period_s=0.02,
        budget=u.window_budget(scope, grade, power_w, tuple(random)),
        flags=(),
        state=DeviceState(None, None, None, None, None),
        series=PowerSeries("J", (), ()),
    )


def test_a_counter_read_at_random_moments_errs_as_its_edges_say(dice):
    period, power = 0.1, 150.0
    starts, spans = dice.uniform(0, 50, DRAWS), dice.uniform(1, 5, DRAWS)
    stepped = np.floor((starts + spans) / period) - np.floor(starts / period)  # joules come in steps of a period
    errors = stepped * period * power / (power * spans) - 1
    sds = [u.edges(period, period, span) for span in spans]
    assert 0.94 <= coverage(errors, sds) <= 0.97


@pytest.mark.parametrize(("period", "seconds"), [(0.02, 1.6), (0.1, 8.2), (1.0, 82.0)])
def test_one_percent_needs_the_seconds_of_the_specification(period, seconds):
    assert u.window_needed_s(period, 0.01) == pytest.approx(seconds, rel=0.03)
    assert 2 * u.edges(period, period, u.window_needed_s(period, 0.01)) == pytest.approx(0.01)


def test_a_polled_mean_errs_as_edges_and_sampling_say(dice):
    period, updates, power, scatter = 0.1, 100, 200.0, 0.15
    window_s, errors, sds = period * updates, [], []
    for _ in range(DRAWS):
        seen = power * (1 + scatter * dice.standard_normal(updates))
        errors.append(seen.mean() / power - 1)
        sds.append(
            math.hypot(u.edges(period, period, window_s), u.sampling(seen.std(ddof=1), float(seen.mean()), updates))
        )
    assert 0.94 <= coverage(errors, sds) <= 0.97


def test_a_sensor_that_averages_lags_by_no_more_than_its_part_says(dice):
    power, before, width, window_s = 200.0, 80.0, 1.0, 10.0
    times = np.arange(-2, window_s, 0.001)
    true = np.where(times < 0, before, power)
    seen = np.convolve(true, np.ones(1000) / 1000)[: len(times)]  # a running mean of one second
    inside = times >= 0
    bias = seen[inside].mean() / power - 1
    assert bias == pytest.approx(-width / 2 * (power - before) / (power * window_s), rel=0.01)
    assert abs(bias) == pytest.approx(math.sqrt(3) * u.averaging(width, power, before, window_s), rel=0.01)


def test_gain_offset_drift_and_edges_cover_the_energy_of_one_window(dice):
    power, window_s, period = 150.0, 10.0, 0.02
    edge = Component(u.EDGES, u.edges(period, period, window_s), False, u.STEPS)
    budget = u.window_budget(Scope.DEVICE, Grade.DEVICE_COUNTER, power, (edge,))
    gains, offsets = dice.normal(1, 0.045, DRAWS), dice.normal(0, 8, DRAWS)
    drifts, steps = dice.normal(0, 0.003, DRAWS), dice.uniform(-1, 1, (2, DRAWS)).sum(axis=0) * period / 2
    measured = gains * power * window_s + offsets * window_s + drifts * power * window_s + steps * power
    assert 0.94 <= coverage(measured / (power * window_s) - 1, budget.relative) <= 0.97


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("same_device", [True, False])
def test_the_ratio_of_two_energies_is_covered_and_the_gain_cancels_on_one_device_only(dice, same_device, scope):
    sensor = u.sensor_of(scope)
    base_w, cand_w, noise = 220.0, 130.0, 0.002
    random_part = (Component(u.EDGES, noise, False, u.STEPS),)
    budget = u.ratio_budget(
        window("baseline", base_w, random=random_part, scope=scope),
        window("candidate", cand_w, random=random_part, scope=scope),
        same_device,
    )
    draws = lambda sd: dice.normal(0, sd, (2, DRAWS))  # noqa: E731
    gains, offsets = draws(sensor.gain), draws(sensor.offset_w)
    if same_device:
        gains[1], offsets[1] = gains[0], offsets[0]
    rest = draws(sensor.drift) + draws(noise)
    seen = [np.log((1 + gains[i]) * w + offsets[i]) + rest[i] for i, w in enumerate((base_w, cand_w))]
    errors = seen[0] - seen[1] - math.log(base_w / cand_w)
    assert 0.94 <= coverage(errors, budget.relative) <= 0.97
    assert (budget.part(u.GAIN) == 0) == same_device


def test_what_is_left_above_idle_is_covered_though_taking_it_off_magnifies_every_error(dice):
    from ace.decide.power_pairs import paired
    from ace.domain.energy import EnergyPlan, IdlePower, SessionEnergy

    base_w, cand_w, idle_w = 200.0, 120.0, 60.0
    taken = EnergyPlan("nvml", subtract_idle=True)
    both = (window("baseline", base_w), window("candidate", cand_w))
    idle = (IdlePower("nvml_counter", idle_w, None),)
    found = paired(taken, SessionEnergy((), idle, both), "nvml_counter")
    gains, offsets = dice.normal(1, u.BOARD.gain, DRAWS), dice.normal(0, u.BOARD.offset_w, DRAWS)
    drifts = dice.normal(0, u.BOARD.drift, (2, DRAWS))
    above = lambda watts, drift: gains * watts * (1 + drift) + offsets - (gains * idle_w + offsets)  # noqa: E731
    seen = [above(base_w, drifts[0]), above(cand_w, drifts[1])]
    errors = np.log(seen[0] / seen[1]) - math.log((base_w - idle_w) / (cand_w - idle_w))
    # the offset cancels in a difference, which the budget does not take for granted
    assert coverage(errors, found.shared) >= 0.94


def test_two_devices_are_known_to_14_percent_and_repeats_do_not_help():
    budget = u.ratio_budget(window("b", 450.0), window("c", 450.0), same_device=False)
    assert 2 * budget.relative == pytest.approx(0.137, abs=0.003)
    assert budget.random == 0


def test_equal_powers_on_one_device_leave_drift_alone():
    budget = u.ratio_budget(window("b", 200.0), window("c", 200.0), same_device=True)
    assert budget.relative == pytest.approx(math.sqrt(2) * 0.003)


def test_a_model_stays_as_uncertain_in_a_ratio_and_a_window_without_energy_has_none():
    made = [window(arm, 65.0, grade=Grade.OVERRIDE) for arm in ("b", "c")]
    assert u.ratio_budget(*made, same_device=True).relative == pytest.approx(math.sqrt(2) * 0.35)
    empty = EnergyWindow("c", "x", 0.0, 1.0, 1, None, "device lost", None, None, (), None, PowerSeries("J", (), ()))
    with pytest.raises(ValueError, match="no energy to compare"):
        u.ratio_budget(made[0], empty, True)


def test_alias_is_worst_in_step_and_gone_for_short_iterations():
    in_step = [alias(PERIOD_S / n, 10.0) for n in (1, 2, 3)]
    assert in_step[0] > 0.25
    assert alias(PERIOD_S, 100.0) == alias(PERIOD_S, 10.0)  # a longer window does not help
    assert alias(0.0007, 10.0) < 0.01
    assert alias(0.093, 10.0) < 0.05 < alias(0.0999, 10.0)


@pytest.mark.parametrize("iteration_s", [0.1, 0.05, 0.0334, 0.09, 0.113, 0.013, 0.3])
def test_looks_at_a_quarter_of_the_time_err_no_more_than_the_alias_part_says(iteration_s):
    dice, window_s, errors = random.Random(3), 10.0, []
    for _ in range(200):
        phase, first = dice.random(), dice.random() * PERIOD_S
        seen = [_look(first + k * PERIOD_S, iteration_s, phase) for k in range(int(window_s / PERIOD_S) - 1)]
        errors.append(sum(seen) / len(seen) / 1.0 - 1)
    rms = math.sqrt(sum(e * e for e in errors) / len(errors))
    assert rms <= 1.05 * alias(iteration_s, window_s) + 0.002


def _look(start_s, iteration_s, phase, high=1.33, low=0.67, grid=40):
    """Mean power over one look at work that is high for half of its period; 33 % from the mean either way."""
    moments = ((start_s + LOOK_S * (i + 0.5) / grid) / iteration_s + phase for i in range(grid))
    return sum(high if m % 1 < 0.5 else low for m in moments) / grid


@pytest.mark.parametrize(("sessions", "type_b"), [(6, 0.0), (6, 0.01), (10, 0.003), (10, 0.02)])
def test_sessions_and_what_they_share_are_covered_together(dice, sessions, type_b):
    truth, scatter, inside = 0.1, 0.01, 0
    for _ in range(DRAWS):
        logs = truth + dice.normal(0, type_b) + dice.normal(0, scatter, sessions)
        found = over_sessions([float(x) for x in logs], type_b, 0.95)
        inside += found.low <= truth <= found.high
    assert 0.94 <= inside / DRAWS <= 0.97


def test_density_is_covered_though_its_parts_are_correlated(dice):
    speed, power, type_b, inside = 0.2, 0.05, 0.006, 0
    for _ in range(DRAWS):
        seconds = dice.normal(speed, 0.01, 10)  # energy is power times the same seconds
        joules = seconds + dice.normal(power, 0.004, 10) + dice.normal(0, type_b)
        scores = (dice.random((2, 400)) < 0.8).astype(float)
        found = density(quality_gain(*scores.tolist(), 0.95), seconds.tolist(), joules.tolist(), type_b, 0.95)
        truth = 2 * speed + power
        inside += found.total.low <= truth <= found.total.high
    assert 0.94 <= inside / DRAWS <= 0.97


def test_where_energy_follows_time_density_counts_time_twice():
    faster = [0.05, 0.051, 0.049]
    same = quality_gain([1.0, 0.0, 1.0], [1.0, 0.0, 1.0], 0.95)
    found = density(same, faster, faster, 0.0, 0.95)
    assert found.total.gain == pytest.approx(0.10)
    assert (found.throughput.gain, found.energy.gain) == pytest.approx((0.05, 0.05))
    assert found.quality.gain == 0


def test_one_session_and_scores_of_zero_have_no_interval():
    assert over_sessions([0.1], 0.01, 0.95) is None
    assert quality_gain([0.0, 0.0], [1.0, 1.0], 0.95) is None
    assert density(quality_gain([1.0, 1.0], [1.0, 1.0], 0.95), [0.1], [0.1], 0.0, 0.95) is None


def test_parts_of_a_budget_add_in_quadrature_and_only_random_ones_differ_between_windows():
    budget = Budget((Component("a", 0.03, True, "x"), Component("b", 0.04, False, "y")))
    assert budget.relative == pytest.approx(0.05)
    assert budget.random == pytest.approx(0.04)
    assert budget.part("c") == 0
