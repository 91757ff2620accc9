from dataclasses import replace

import numpy as np
import pytest

from ace.decide.estimates import estimate, half_width
from ace.decide.gather import gather
from ace.decide.series import arm_seconds
from ace.domain.record import BASELINE, CANDIDATE, NULL
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN, only_cell


def cells_of(*stored):
    return gather(b.evidence(*stored))[0].cells


def test_the_estimate_finds_the_true_gain_within_every_interval():
    cell = only_cell(b.record(GAIN, seed=1))
    for found in (cell.band, cell.own, cell.bounds):
        assert found.low < GAIN < found.high


def test_looking_twice_divides_alpha_and_three_times_by_three():
    once = b.stored(b.record(seed=0))
    twice = b.stored(b.record(seed=1))
    alphas = [estimate(cells_of(*some), b.near_term())[0].alpha for some in ((once,), (once, twice))]
    assert alphas == [pytest.approx(0.05), pytest.approx(0.025)]


def test_a_grid_makes_every_cell_of_it_wider_than_it_is_alone():
    grid = [b.stored(b.record(GAIN, of=b.plan(seq_len=n))) for n in (32, 64, 96, 128)]
    for cell in estimate(cells_of(*grid), b.near_term()):
        assert half_width(cell.band) > 0.8 * half_width(cell.own)  # pooled variance may narrow one, not by much
    wide = np.mean([half_width(c.band) / half_width(c.own) for c in estimate(cells_of(*grid), b.near_term())])
    assert wide > 1


def test_splits_are_families_of_their_own():
    one = b.stored(b.record(GAIN))
    others = [b.stored(b.record(of=b.plan(seq_len=n, split="validation"))) for n in (32, 64, 96)]
    alone = estimate(cells_of(one), b.near_term())[0].band
    beside = estimate(cells_of(one, *others), b.near_term())[0].band
    assert (alone.low, alone.high) == (beside.low, beside.high)


def test_sessions_of_unequal_length_are_cut_to_the_shortest_in_whole_blocks():
    long, short = b.record(), b.record(of=b.plan(rounds=8), seed=1)
    first, second = arm_seconds((*long.sessions, *short.sessions), BASELINE, CANDIDATE)
    assert {len(row) for row in (*first, *second)} == {8}


def test_a_session_without_the_arm_is_left_out_of_that_comparison_alone():
    made = b.record()
    without = replace(
        made.sessions[0],
        timings=tuple(t for t in made.sessions[0].timings if t.arm != NULL),
        order=tuple(tuple(a for a in row if a != NULL) for row in made.sessions[0].order),
    )
    sessions = (without, *made.sessions[1:])
    assert len(arm_seconds(sessions, BASELINE, NULL)[0]) == 9
    assert len(arm_seconds(sessions, BASELINE, CANDIDATE)[0]) == 10


def test_a_cell_without_sessions_has_no_number_rather_than_a_zero():
    cell = only_cell(replace(b.record(), sessions=()))
    assert cell.band.gain is None
    assert cell.seconds == ()
