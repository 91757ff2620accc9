import pytest
import torch

from ace.errors import PlanError
from ace.executors.random_pruning import GENERATOR, KeepDrawn, RandomPruning, drawn
from tests.unit.executors.tiny import batch, encoder


def test_the_same_ids_are_drawn_the_same_and_one_other_id_changes_the_draw():
    ids = batch(size=1).ids
    other = ids.clone()
    other[0, 7] += 1
    assert torch.equal(drawn(ids, GENERATOR), drawn(ids.clone(), GENERATOR))
    assert drawn(ids, GENERATOR).argsort().tolist() != drawn(other, GENERATOR).argsort().tolist()


def test_another_seed_is_another_draw():
    inputs = batch()
    first, second = (RandomPruning(0.5, seed=seed).prepare(encoder(), inputs) for seed in (0, 1))
    assert isinstance(first, KeepDrawn)
    assert not torch.equal(first(inputs.ids, inputs.mask), second(inputs.ids, inputs.mask))


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_no_position_is_favoured(seed):
    """How often each of 16 positions is among the best 8, over 4000 examples: a half, within 5 standard errors."""
    ids = batch(size=4000, tokens=16, seed=seed).ids
    best = drawn(ids, pow(GENERATOR, seed + 1, 2**31 - 1)).topk(8).indices
    share = torch.bincount(best.flatten(), minlength=16) / 4000
    assert (share - 0.5).abs().max() < 5 * (0.25 / 4000) ** 0.5


def test_whether_one_token_stays_says_little_about_its_neighbour():
    ids = batch(size=4000, tokens=16).ids
    stays = torch.zeros(4000, 16).scatter_(1, drawn(ids, GENERATOR).topk(8).indices, 1.0)
    correlation = torch.corrcoef(stays.T) - torch.eye(16)
    # choosing 8 of 16 makes -1/15 between any two
    assert (correlation + 1 / 15 * (1 - torch.eye(16))).abs().max() < 5 * 4000**-0.5


@pytest.mark.parametrize("seed", [-1, 0.5, "1", True])
def test_a_seed_that_is_no_whole_number_is_refused_by_its_key(seed):
    with pytest.raises(PlanError, match=r"executor.seed=.* is refused"):
        RandomPruning(seed=seed)
