"""Axis effects against truths that were put in."""

import itertools

import numpy as np
import pytest

from ace.stats import axis_effects

GRID = list(itertools.product((128, 256, 512), (1, 2, 4)))


def sampled(truth, sessions=10, sd=0.01, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(truth(*cell), sd, sessions) for cell in GRID]


def axes(grid=GRID):
    return {"seq_len": [n for n, _ in grid], "batch": [b for _, b in grid]}


def test_a_slope_per_doubling_is_found_and_the_idle_axis_has_none():
    length, batch = axis_effects(axes(), sampled(lambda n, _: 0.05 * np.log2(n)))
    assert (length.axis, batch.axis) == ("seq_len", "batch")
    assert length.per_doubling.low < 0.05 < length.per_doubling.high
    assert length.per_doubling.high - length.per_doubling.low < 0.02
    assert batch.per_doubling.low < 0 < batch.per_doubling.high
    assert length.share.value > 0.9 > 0.1 > batch.share.value


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held = []
    for seed in range(400):
        _, batch = axis_effects(axes(), sampled(lambda _, b: 0.01 * np.log2(b), seed=seed))
        held.append(batch.per_doubling.low <= 0.01 <= batch.per_doubling.high)
    assert 0.92 <= np.mean(held) <= 0.98


def test_an_effect_that_doubling_does_not_describe_still_has_its_share():
    [effect] = axis_effects({"batch": [1, 2, 4]}, [np.array([v, v + 1e-3]) for v in (0.0, 0.3, 0.0)])
    assert effect.per_doubling.low < 0 < effect.per_doubling.high
    assert effect.share.value == pytest.approx(1)


def test_axes_that_only_move_together_are_not_told_apart():
    diagonal = {"seq_len": [64, 128, 256], "batch": [1, 2, 4], "depth": [6, 6, 6]}
    assert axis_effects(diagonal, [np.array([0.1, 0.2])] * 3) == ()


def test_one_cell_or_equal_cells_have_no_effect_to_share():
    assert axis_effects({"batch": [1]}, [np.array([0.1, 0.2])]) == ()
    [effect] = axis_effects({"batch": [1, 2]}, [np.array([0.1, 0.1])] * 2)
    assert (effect.share.value, effect.per_doubling.value) == (0.0, pytest.approx(0))


def test_the_interval_of_a_share_holds_the_true_share_and_that_of_an_idle_axis_reaches_nothing():
    lengths = np.array([0.01 * np.log2(n) for n, _ in GRID])
    batches = np.array([0.004 * np.log2(b) for _, b in GRID])
    true = lengths.var() / (lengths + batches).var()
    held, idle = [], []
    for seed in range(200):
        found = axis_effects(axes(), sampled(lambda n, b: 0.01 * np.log2(n) + 0.004 * np.log2(b), seed=seed))
        held.append(found[0].share.low <= true <= found[0].share.high)
        idle.append(axis_effects(axes(), sampled(lambda n, _: 0.01 * np.log2(n), seed=seed))[1].share.low == 0)
    assert 0.9 <= np.mean(held) <= 1
    assert np.mean(idle) >= 0.9


def test_a_host_that_is_slower_for_half_of_the_cells_is_no_effect_of_an_axis():
    hosts = ["slow" if (n, b) in {(512, 1), (512, 2), (256, 4), (128, 1)} else "fast" for n, b in GRID]
    samples = [
        sample + (0.5 if host == "slow" else 0.0)
        for sample, host in zip(sampled(lambda _, b: 0.02 * np.log2(b)), hosts, strict=True)
    ]
    pooled, _ = axis_effects(axes(), samples)
    length, batch = axis_effects(axes(), samples, blocks=hosts)
    assert pooled.per_doubling.low > 0.01, "without blocks the host passes for an effect of the length"
    assert length.per_doubling.low < 0 < length.per_doubling.high
    assert batch.per_doubling.low < 0.02 < batch.per_doubling.high
    assert length.share.value < 0.1 < 0.8 < batch.share.value


def test_an_axis_that_only_varies_between_hosts_is_not_told_apart_from_them():
    [only] = axis_effects(axes(), sampled(lambda n, _: 0.05 * np.log2(n)), blocks=[f"host{n}" for n, _ in GRID])
    assert only.axis == "batch"


def test_one_host_for_all_changes_nothing():
    samples = sampled(lambda n, b: 0.01 * np.log2(n * b))
    assert axis_effects(axes(), samples, blocks=["host"] * len(GRID)) == axis_effects(axes(), samples)


STEPS = {64: 0.05, 128: 0.10, 256: 0.35, 512: 0.40}
HOLES = [(64, 1), (64, 2), (128, 2), (128, 4), (256, 8), (512, 8)]


def stepped(grid, batch_slope=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(STEPS[n] + batch_slope * np.log2(b), 0.004, 8) for n, b in grid]


@pytest.mark.parametrize("grid", [[(64, 1), (128, 2), (256, 8)], [(64, 1), (128, 2), (512, 8)]])
def test_an_axis_that_never_moves_without_a_step_of_the_other_has_no_slope(grid):
    assert axis_effects(axes(grid), stepped(grid)) == ()


def test_lengths_that_step_leave_nothing_to_a_batch_that_grows_with_them():
    [length] = axis_effects(axes([*HOLES[:1], *HOLES[2:3], *HOLES[4:]]), stepped([*HOLES[:1], *HOLES[2:3], *HOLES[4:]]))
    assert length.axis == "seq_len"
    assert length.per_doubling.low < 0.05 < length.per_doubling.high, "from 256 to 512, where the batch stands still"


@pytest.mark.parametrize("truth", [0.0, 0.02])
def test_holes_in_the_grid_do_not_give_the_steps_of_one_axis_to_another(truth):
    held = []
    for seed in range(100):
        _, batch = axis_effects(axes(HOLES), stepped(HOLES, truth, seed))
        held.append(batch.per_doubling.low <= truth <= batch.per_doubling.high)
    assert np.mean(held) >= 0.9


def test_a_grid_that_lacks_a_cell_keeps_its_straight_lines_where_nothing_contradicts_them():
    grid, samples = GRID[:-1], sampled(lambda n, b: 0.05 * np.log2(n) + 0.02 * np.log2(b))[:-1]
    design = np.column_stack([np.ones(len(grid)), *(np.log2(levels) for levels in axes(grid).values())])
    _, *slopes = np.linalg.lstsq(design, np.array([s.mean() for s in samples]), rcond=None)[0]
    assert [e.per_doubling.value for e in axis_effects(axes(grid), samples)] == pytest.approx(slopes)


def test_a_full_grid_has_the_same_slopes_whatever_form_the_other_axis_has():
    samples = sampled(lambda n, b: {128: 0.0, 256: 0.3, 512: 0.1}[n] + 0.02 * np.log2(b), sd=0.001)
    _, batch = axis_effects(axes(), samples)
    assert batch.per_doubling.value == pytest.approx(0.02, abs=1e-3)
