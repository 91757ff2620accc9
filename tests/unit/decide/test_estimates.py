from dataclasses import replace

import numpy as np
import pytest

from ace.decide.estimates import estimate, half_width
from ace.decide.gather import gather
from ace.decide.series import arm_seconds
from ace.domain.session import BASELINE, CANDIDATE, NULL
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


def fading(made):
    """A candidate that loses a tenth from the first third of every session to its last."""

    def slower(timings):
        rounds = len(timings.wall_s)
        steps = [1 + 0.1 * i / rounds for i in range(rounds)]
        walls = tuple(t * s for t, s in zip(timings.wall_s, steps, strict=True))
        return replace(timings, wall_s=walls) if timings.arm == CANDIDATE else timings

    sessions = tuple(replace(s, timings=tuple(map(slower, s.timings))) for s in made.sessions)
    return replace(made, sessions=sessions)


@pytest.mark.parametrize(("moving", "steady"), [((True, True), False), ((True, False), True), ((True,), False)])
def test_a_cell_is_unsteady_when_most_of_its_measurements_show_it_each_by_itself(moving, steady):
    records = [b.honest(0.2, b.plan(seed=seed), seed=seed) for seed in range(len(moving))]
    cells = [b.stored(fading(record) if moves else record) for record, moves in zip(records, moving, strict=True)]
    [cell] = estimate(gather(b.evidence(*cells))[0].cells, b.near_term())
    assert ("not steady" not in cell.unfit) == steady


def test_a_measurement_of_a_few_sessions_has_no_voice_in_it():
    many = b.stored(fading(b.honest(0.2, b.plan(seed=0))))
    few = [b.stored(b.honest(0.2, b.plan(seed=seed, sessions=2), seed=seed)) for seed in (1, 2, 3)]
    [cell] = estimate(gather(b.evidence(many, *few))[0].cells, b.near_term())
    assert "not steady" in cell.unfit
