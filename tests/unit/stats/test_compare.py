import math
from dataclasses import replace

import numpy as np
import pytest

from ace.domain.estimate import Answer
from ace.stats import compare, compare_each
from tests.calibration.noise import MACHINES, SLOW_WARM_UP, Machine, draw

QUIET = MACHINES["quiet"]


def timings(effect=0.0, sessions=10, rounds=10, machine=QUIET, seed=0):
    b, c = draw(machine, effect, 1, sessions, rounds, np.random.default_rng(seed))
    return b[0], c[0]


@pytest.mark.parametrize(
    ("effect", "answer"), [(0.05, "faster"), (-0.05, "slower"), (0.0, "same"), (0.01, "inconclusive")]
)
def test_each_of_the_four_answers_is_reached(effect, answer):
    assert compare(*timings(effect, sessions=20)).answer == answer


def test_the_interval_is_in_natural_logs_around_the_true_ratio():
    c = compare(*timings(0.05, sessions=20))
    assert c.low < math.log(1.05) < c.high
    assert c.low <= c.gain <= c.high


def test_a_zero_margin_never_answers_same():
    answers = {compare(*timings(0.0, seed=seed), margin=0.0).answer for seed in range(50)}
    assert answers <= {"faster", "slower", "inconclusive"}


def test_a_difference_inside_the_margin_is_same_however_significant():
    tiny = timings(0.004, sessions=40, rounds=20)
    assert compare(*tiny, margin=0.0).answer == "faster"
    assert compare(*tiny, margin=0.01).answer == "same"


@pytest.mark.parametrize("order", ["blocked", "unknown"])
def test_data_without_a_known_mixed_order_gets_no_verdict(order):
    c = compare(*timings(0.5), order=order)
    assert c.answer == "inconclusive"
    assert any(order in reason for reason in c.reasons)
    assert c.gain is not None


def test_alternating_processes_are_judged():
    assert compare(*timings(0.1), order="alternating").answer == "faster"


def test_five_sessions_never_decide():
    c = compare(*timings(0.5, sessions=5))
    assert c.answer == "inconclusive"
    assert "5 sessions; 6 needed" in c.reasons
    assert compare(*timings(0.5, sessions=6)).answer == "faster"


def test_one_whole_block_never_decides():
    c = compare(*timings(0.5, rounds=3))
    assert c.answer == "inconclusive"
    assert "1 whole block kept; 2 needed" in c.reasons


def test_one_timing_is_inconclusive_and_invents_no_gain():
    c = compare(*timings(0.5, rounds=1))
    assert (c.answer, c.gain, c.sessions) == ("inconclusive", None, 10)


def test_one_session_is_inconclusive_with_a_gain_and_no_interval():
    c = compare(*timings(0.5, sessions=1))
    assert c.answer == "inconclusive"
    assert c.gain == pytest.approx(math.log(1.5), abs=0.05)
    assert c.low is None


def test_no_data_at_all_is_inconclusive():
    assert compare([], []).answer == "inconclusive"


def test_equal_timings_are_a_broken_clock_and_not_certainty():
    c = compare(np.full((10, 10), 2.0), np.full((10, 10), 1.0))
    assert c.answer == "inconclusive"
    assert c.gain == pytest.approx(math.log(2))
    assert (c.low, c.p_value) == (None, None)
    assert "do not vary" in c.reasons[0]


def test_one_trial_copied_ten_times_is_not_ten_sessions():
    b, c = timings(0.1, sessions=5)
    copied = compare(np.tile(b, (2, 1)), np.tile(c, (2, 1)))
    assert copied.answer == "inconclusive"
    assert "sessions are copies of each other" in copied.reasons


def test_a_thousand_fold_outlier_moves_nothing_and_is_reported():
    b, c = timings(0.05)
    c = c.copy()
    c[3, 4] *= 1000
    judged = compare(b, c)
    assert judged.answer == "faster"
    assert abs(judged.gain - compare(*timings(0.05)).gain) < 0.005
    assert any("outlying timing" in note for note in judged.notes)


def test_a_thousand_fold_session_cannot_make_a_verdict():
    b, c = timings(0.05)
    c = c.copy()
    c[3] *= 1000
    assert compare(b, c).answer == "inconclusive"


def test_a_warm_up_is_cut_from_both_arms_and_told():
    c = compare(*timings(0.05, machine=MACHINES["one arm warms"]))
    assert c.cut_rounds >= 2
    assert c.cut_rounds % 2 == 0
    assert any("warm-up" in note for note in c.notes)
    assert c.answer == "faster"


def test_a_ratio_that_keeps_moving_is_refused():
    c = compare(*timings(0.0, machine=SLOW_WARM_UP))
    assert (c.answer, "not steady" in c.reasons) == ("inconclusive", True)


def test_a_step_in_the_last_third_is_refused():
    b, c = timings(0.05, rounds=12)
    c = c.copy()
    c[:, 8:] *= 1.1
    assert "not steady" in compare(b, c).reasons


def test_a_sign_that_rests_on_the_cut_alone_is_refused():
    b, c = timings(0.03)
    c = c.copy()
    c[:, :6] *= 1.3
    judged = compare(b, c)
    assert judged.answer == "inconclusive"
    assert "the sign turns if the warm-up cut is undone" in judged.reasons


def test_an_inconclusive_answer_says_how_many_sessions_would_settle_it():
    c = compare(*timings(0.015))
    assert c.answer == "inconclusive"
    assert c.sessions_needed > 10
    assert f"about {c.sessions_needed} would settle it" in c.reasons[-1]
    settled = compare(*timings(0.015, sessions=2 * c.sessions_needed))
    assert settled.answer == "faster"


def test_what_is_visible_now_would_usually_be_found():
    machine = replace(QUIET, layout=0.01)
    now = [compare(*timings(0, machine=machine, seed=s)).smallest_visible_gain for s in range(30)]
    visible = math.expm1(np.median(now))
    found = [compare(*timings(visible, machine=machine, seed=100 + s)).answer == "faster" for s in range(60)]
    assert 0.6 < np.mean(found) < 0.95


def test_an_odd_last_round_has_no_partner_and_is_left_out():
    b, c = timings(0.05, rounds=11)
    assert compare(b, c).gain == compare(b[:, :10], c[:, :10]).gain


def test_a_position_effect_cancels():
    machine = Machine(white=0.002, layout=0.002, second_call=0.05)
    assert compare(*timings(0.0, machine=machine)).answer == "same"


def test_the_exact_signed_rank_is_shown_and_its_disagreement_noted():
    b, c = timings(0.02, sessions=14)
    c = c.copy()
    c[0] *= 1.3
    judged = compare(b, c, margin=0.0)
    assert (judged.p_value < 0.05) != (judged.signed_rank_p < 0.05)
    assert any("signed rank disagrees" in note for note in judged.notes)


def test_a_million_timings_in_one_session_are_one_session():
    rng = np.random.default_rng(0)
    c = compare(rng.uniform(1, 2, (1, 1_000_000)), rng.uniform(1, 2, (1, 1_000_000)))
    assert c.reasons[0] == "1 session; 6 needed"


def test_the_answer_is_the_string_it_is_documented_as():
    assert compare(*timings(0.05)).answer == "faster"
    assert isinstance(compare(*timings(0.05)).answer, Answer)


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_alternating_processes_need_no_blocks(rounds):
    b, c = timings(0.05)
    assert compare(b[:, :rounds], c[:, :rounds], order="alternating").answer is Answer.FASTER


def test_pairs_that_are_worked_together_say_what_each_says_alone():
    rng = np.random.default_rng(3)
    pairs = []
    for _ in range(60):
        warm = rng.choice([0.0, 0.02]) * 0.7 ** np.arange(12)
        pairs.append(tuple(np.exp(warm + rng.normal(0, rng.choice([0.002, 0.02]), (10, 12))).tolist() for _ in "bc"))
    pairs.append(tuple(np.ones((4, 6)).tolist() for _ in "bc"))
    levels = [(0.95, 0.9) if i % 2 else (0.8,) for i in range(len(pairs))]
    together = compare_each(pairs, levels, margin=0.01)
    assert together == [[compare(*pair, confidence=c) for c in own] for pair, own in zip(pairs, levels, strict=True)]
