"""The smaller methods, each against SciPy, a hand calculation or its defining property."""

import itertools

import numpy as np
import pytest
from scipy import stats

from ace.errors import EvidenceError
from ace.stats import (
    best_of,
    drift,
    e_process,
    order_interaction,
    over_sessions,
    score_difference,
    serial_dependence,
    shrink,
)
from ace.stats.eprocess import staked, wealth
from ace.stats.power import sessions_to_settle, visible_gain
from ace.stats.signed_rank import signed_rank_p
from ace.stats.student import critical, quantile, upper_tail
from tests.calibration.noise import Machine, draw


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("n", [5, 6, 10, 25])
def test_the_signed_rank_is_scipys_exact_one(n, rng):
    gains = rng.normal(0.5, 1, n)
    assert signed_rank_p(gains) == pytest.approx(stats.wilcoxon(gains, method="exact").pvalue)


def test_the_signed_rank_of_many_sessions_is_close_to_scipys(rng):
    gains = rng.normal(0.1, 1, 80)
    assert signed_rank_p(gains) == pytest.approx(stats.wilcoxon(gains, method="asymptotic").pvalue, abs=0.01)


def test_ties_and_zeros_do_not_break_the_signed_rank():
    assert signed_rank_p(np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0])) == pytest.approx(2 / 64)
    assert signed_rank_p(np.zeros(6)) == 1.0


def test_student_agrees_with_scipy():
    assert quantile(9, 0.975) == pytest.approx(stats.t.ppf(0.975, 9))
    assert upper_tail(2.0, 9) == pytest.approx(stats.t.sf(2.0, 9))
    assert critical(19, 1e-20) == pytest.approx(stats.t.isf(0.5e-20, 19))


def test_an_e_value_averages_exactly_one_over_fair_signs():
    streams = np.array(list(itertools.product([-1.0, 1.0], repeat=8)))
    assert np.mean([e_process(stream)[-1] for stream in streams]) == pytest.approx(1)


def test_a_null_stream_looked_at_for_ever_rarely_reaches_twenty(rng):
    reached = [e_process(rng.standard_cauchy(300)).max() >= 20 for _ in range(300)]
    assert np.mean(reached) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_a_real_gain_piles_up_evidence_and_a_loss_none():
    assert e_process(np.full(12, 0.1))[-1] > 100
    assert e_process(np.full(2000, -0.1))[-1] < 1e-6
    assert e_process(np.full(12, 0.1), null_gain=0.2)[-1] < 1
    with pytest.raises(EvidenceError, match="gain 1"):
        e_process(np.array([0.1, np.nan]))


def wealths(losses):
    """After each loss."""
    log_wealth, found = (), []
    for loss in losses:
        log_wealth = staked(log_wealth, float(loss))
        found.append(wealth(log_wealth))
    return np.array(found)


def test_what_bets_on_fair_losses_make_averages_exactly_one():
    assert wealth(()) == 1.0
    assert np.mean([wealths(stream)[-1] for stream in itertools.product([-1.0, 1.0], repeat=8)]) == pytest.approx(1)
    lopsided = [wealths(stream)[-1] for stream in itertools.product([-0.25, -0.25, -0.25, 0.75], repeat=5)]
    assert np.mean(lopsided) == pytest.approx(1)


def test_bets_on_equal_costs_looked_at_for_ever_rarely_make_twenty_of_one(rng):
    first, second = rng.lognormal(0, 1.5, (2, 300, 200))  # skewed: one in ten takes seven times the median
    reached = [wealths(run).max() >= 20 for run in (first - second) / (first + second)]
    assert np.mean(reached) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_bets_see_a_mean_that_the_median_hides(rng):
    losses = np.where(rng.random(200) < 0.4, 0.9, -0.05)
    assert e_process(losses)[-1] < 1 < 1e6 < wealths(losses)[-1]


def test_the_best_of_64_null_cells_shrinks_to_almost_nothing(rng):
    picks = [best_of(rng.normal(0, 0.01, 64), np.full(64, 0.01)) for _ in range(50)]
    assert np.mean([p.raw for p in picks]) > 0.02
    assert abs(np.mean([p.shrunk for p in picks])) < 0.005


def test_the_shrunk_best_is_unbiased_when_cells_really_differ(rng):
    errors = []
    for _ in range(200):
        truth = rng.normal(0.03, 0.02, 48)
        pick = best_of(truth + rng.normal(0, 0.02, 48), np.full(48, 0.02))
        errors.append((pick.shrunk - truth[pick.index], pick.raw - truth[pick.index]))
    shrunk, raw = np.mean(errors, axis=0)
    assert abs(shrunk) < 0.005
    assert raw > 0.012


def test_one_cell_is_not_shrunk_and_nonsense_is_refused():
    assert shrink(np.array([0.1]), np.array([0.02]))[0] == pytest.approx([0.1])
    for gains, errors in (([0.1, 0.2], [0.1]), ([np.nan, 0.1], [0.1, 0.1]), ([0.1, 0.2], [0.0, 0.1])):
        with pytest.raises(EvidenceError):
            shrink(np.array(gains), np.array(errors))


def test_the_bootstrap_covers_the_difference_of_paired_scores(rng):
    covered = 0
    for seed in range(40):
        b = rng.random(400) < 0.8
        c = np.where(rng.random(400) < 0.1, rng.random(400) < 0.5, b)
        estimate = score_difference(b, c, seed=seed)
        covered += estimate.low <= 0.1 * (0.5 - 0.8) <= estimate.high
    assert covered >= 33


def test_examples_cut_from_one_document_are_not_independent(rng):
    shift = np.repeat(rng.normal(0, 0.2, 40), 10)
    b = rng.normal(size=400)
    naive, honest = (score_difference(b, b + shift, seed=1, clusters=k) for k in (None, np.repeat(np.arange(40), 10)))
    assert honest.high - honest.low > 2 * (naive.high - naive.low)


def test_the_bootstrap_repeats_with_its_seed_and_refuses_nonsense(rng):
    b, c = rng.random(50), rng.random(50)
    assert score_difference(b, c, seed=3) == score_difference(b, c, seed=3)
    for bad in ((b, c[:40]), (b, np.where(c > 0.9, np.nan, c))):
        with pytest.raises(EvidenceError):
            score_difference(*bad, seed=1)
    with pytest.raises(EvidenceError, match="one cluster"):
        score_difference(b, c, seed=1, clusters=np.zeros(50))


def test_an_order_by_arm_interaction_is_seen(rng):
    b, c = draw(Machine(white=0.002, layout=0.0), 0.0, 1, 10, 10, rng)
    first = np.tile([True, False], (10, 5))
    b, c = b[0] * np.where(first, 1.02, 1.0), c[0] * np.where(first, 1.0, 1.02)
    assert order_interaction(b, c, first).low > 0.03
    assert order_interaction(b, c, np.ones((10, 10), dtype=bool)) is None
    with pytest.raises(EvidenceError, match="order"):
        order_interaction(b, c, first[:5])


def test_a_drift_is_measured_from_first_to_last_third(rng):
    b, _ = draw(Machine(drift=0.1), 0.0, 1, 10, 12, rng)
    assert drift(b[0]).value == pytest.approx(0.1 * 2 / 3, abs=0.02)
    assert drift(b[0][:, :2]) is None


def test_one_session_has_no_interval():
    assert over_sessions(np.array([0.1])) is None


def test_half_the_spread_needs_about_a_quarter_of_the_sessions():
    wide, narrow = (sessions_to_settle(0.03, s, 0.01, 0.05, 6) for s in (0.08, 0.04))
    assert 3.5 < wide / narrow < 4.1


def test_a_gain_on_the_threshold_can_never_be_settled():
    assert sessions_to_settle(np.log1p(0.01), 0.01, 0.01, 0.05, 6) is None


def test_a_larger_margin_hides_more():
    assert visible_gain(0.01, 9, 2.26, 0.02) > visible_gain(0.01, 9, 2.26, 0.01)


def test_serial_dependence_is_rare_among_independent_sessions_and_usual_among_wandering_ones(rng):
    independent = [serial_dependence(rng.normal(size=10)) for _ in range(2000)]
    wandering = [serial_dependence(rng.normal(size=10).cumsum()) for _ in range(2000)]
    assert np.mean(np.array(independent) < 0.05) < 0.07
    assert np.mean(np.array(wandering) < 0.05) > 0.6


def test_a_perfect_alternation_is_no_dependence_that_widens_and_five_sessions_tell_nothing():
    assert serial_dependence(np.tile([0.1, -0.1], 5) + np.arange(10) * 1e-6) > 0.95
    assert serial_dependence(np.arange(5.0)) is None
