"""What must hold for every table of timings, whatever the machine did."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ace.stats import compare, compare_cells, compare_sequential, e_process, shrink
from ace.stats.multiplicity import holm_adjusted
from tests.calibration.noise import MACHINES, Machine, draw

FEW = settings(max_examples=25, deadline=None)


@st.composite
def tables(draw_, least_sessions=2, least_rounds=4):
    """A pair of (sessions, rounds) tables from one of the machines, with some true effect."""
    machine = draw_(st.sampled_from(list(MACHINES.values())))
    sessions = draw_(st.integers(least_sessions, 14))
    rounds = draw_(st.integers(least_rounds, 14))
    effect = draw_(st.sampled_from([-0.1, 0.0, 0.005, 0.03, 0.5]))
    seed = draw_(st.integers(0, 2**32 - 1))
    b, c = draw(machine, effect, 1, sessions, rounds, np.random.default_rng(seed))
    return b[0], c[0]


@FEW
@given(tables(), st.sampled_from([0.0, 0.01, 0.05]))
def test_swapping_the_arms_changes_the_sign_of_the_gain_to_the_last_bit(pair, margin):
    b, c = pair
    there, back = compare(b, c, margin=margin), compare(c, b, margin=margin)
    assert back.gain == -there.gain
    assert (back.low, back.high) == (-there.high, -there.low)
    mirrored = {"faster": "slower", "slower": "faster"}
    assert back.answer == mirrored.get(there.answer, there.answer)


@FEW
@given(tables(), st.floats(1e-6, 1e6))
def test_the_unit_of_time_does_not_matter(pair, scale):
    b, c = pair
    seconds, other = compare(b, c), compare(b * scale, c * scale)
    assert other.gain == pytest.approx(seconds.gain, abs=1e-9)
    assert other.high == pytest.approx(seconds.high, abs=1e-9)


@FEW
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_sessions_does_not_matter(pair, random):
    b, c = pair
    order = random.sample(range(len(b)), len(b))
    assert compare(b[order], c[order]).gain == pytest.approx(compare(b, c).gain, abs=1e-12)


@FEW
@given(tables(), st.randoms(use_true_random=False))
def test_permuting_whole_blocks_within_sessions_keeps_the_gain_where_no_warm_up_is_cut(pair, random):
    b, c = (arm[:, : arm.shape[1] // 2 * 2] for arm in pair)
    blocks = random.sample(range(b.shape[1] // 2), b.shape[1] // 2)
    rounds = [2 * block + half for block in blocks for half in (0, 1)]
    there, permuted = compare(b, c), compare(b[:, rounds], c[:, rounds])
    assume(there.cut_rounds == permuted.cut_rounds == 0)
    assert permuted.gain == pytest.approx(there.gain, abs=1e-12)


@FEW
@given(st.floats(0.3, 3), st.floats(0.1, 10), st.integers(0, 2**32 - 1))
def test_adding_a_constant_to_both_arms_shrinks_the_gain(ratio, constant, seed):
    assume(abs(math.log(ratio)) > 0.02)
    b, c = draw(Machine(white=1e-4, layout=1e-4), ratio - 1, 1, 8, 8, np.random.default_rng(seed))
    gain = compare(b[0], c[0]).gain
    diluted = compare(b[0] + constant * b.mean(), c[0] + constant * b.mean()).gain
    assert 0 < diluted / gain < 1


@FEW
@given(tables(), st.floats(-0.5, 0.5))
def test_a_faster_candidate_moves_gain_and_interval_by_exactly_as_much(pair, shift):
    b, c = pair
    before, after = compare(b, c), compare(b, c * math.exp(-shift))
    assert after.gain == pytest.approx(before.gain + shift, abs=1e-9)
    assert after.low == pytest.approx(before.low + shift, abs=1e-9)


@FEW
@given(tables(), st.sampled_from([0.0, 0.01, 0.05]), st.sampled_from(["interleaved", "alternating", "unknown"]))
def test_an_answer_always_agrees_with_its_interval(pair, margin, order):
    c = compare(*pair, margin=margin, order=order)
    threshold = math.log1p(margin)
    assert c.answer != "faster" or c.low > threshold
    assert c.answer != "slower" or c.high < -threshold
    assert c.answer != "same" or -threshold < c.low <= c.high < threshold
    assert (c.answer == "inconclusive") == bool(c.reasons)


def test_more_sessions_never_widen_the_interval_on_average():
    machines = list(MACHINES.values())
    widths = []
    for sessions in (6, 8, 12, 18):
        seen = [draw(m, 0.0, 1, sessions, 8, np.random.default_rng(i)) for i in range(6) for m in machines]
        judged = [compare(b[0], c[0]) for b, c in seen]
        widths.append(np.median([j.high - j.low for j in judged]))
    assert widths == sorted(widths, reverse=True)


@FEW
@given(st.lists(tables(least_sessions=6, least_rounds=6), min_size=1, max_size=5))
def test_a_grid_answers_each_cell_with_the_gain_it_has_alone(cells):
    together = compare_cells(cells)
    assert [c.gain for c in together] == [compare(*cell).gain for cell in cells]


@FEW
@given(tables(least_sessions=6))
def test_a_sequential_answer_is_never_bolder_than_a_fixed_one(pair):
    looked, fixed = compare_sequential(*pair, max_sessions=20), compare(*pair)
    assert looked.gain == fixed.gain
    assert looked.answer in (fixed.answer, "inconclusive")


@FEW
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_holm_keeps_the_order_and_lowers_no_p_value(p_values):
    p = np.array(p_values)
    adjusted = holm_adjusted(p)
    assert (adjusted >= p).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


@FEW
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30), st.floats(1e-3, 1))
def test_shrinking_moves_every_gain_towards_the_others(gains, error):
    seen = np.array(gains)
    shrunk, _ = shrink(seen, np.full(len(seen), error))
    assert np.ptp(shrunk) <= np.ptp(seen) + 1e-12
    assert shrunk.mean() == pytest.approx(seen.mean(), abs=1e-9)


@FEW
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60))
def test_evidence_is_never_negative_and_depends_on_the_past_only(gains):
    stream = np.array(gains)
    whole = e_process(stream)
    assert (whole >= 0).all()
    assert (e_process(stream[: len(stream) // 2 + 1]) == whole[: len(stream) // 2 + 1]).all()
