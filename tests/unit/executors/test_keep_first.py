import math

import pytest
import torch

from ace.errors import PlanError
from ace.executors.keep_first import KeepFirst
from ace.executors.random_pruning import RandomPruning
from ace.executors.token_pruning import TokenPruning
from ace.measure.witness import tokens_per_layer
from tests.unit.executors.manners import assert_company_is_ignored, assert_good_manners
from tests.unit.executors.tiny import batch, encoder


def test_the_result_is_that_of_attending_with_all_tokens_and_cutting_off_the_last_ones_afterwards():
    model, inputs = encoder(), batch()
    candidate = KeepFirst(keep_ratio=0.5, prune_at=(0.2, 0.5)).prepare(model, inputs)
    x = model.embeddings(inputs.ids)
    for index, layer in enumerate(model.layers):
        x = layer.attention(x, model.attention_bias(torch.ones(x.shape[:2])))
        if index in (1, 3):
            x = x[:, : 1 + math.ceil(0.5 * (x.shape[1] - 1))]
        x = layer.feed_forward(x)
    expected = model.pool(x, torch.ones(x.shape[:2]))
    torch.testing.assert_close(candidate(inputs.ids, inputs.mask), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("depth", [1, 2, 6])
def test_attention_chance_and_position_keep_the_same_counts(ratio, depth):
    model, inputs, seen = encoder(depth=depth), batch(), set()
    for executor in (KeepFirst(ratio), TokenPruning(ratio), RandomPruning(ratio)):
        candidate = executor.prepare(model, inputs)
        seen |= {tokens_per_layer(candidate, inputs), executor.declares(inputs).tokens_per_layer}
    assert len(seen) == 1


def test_a_padded_example_loses_padding_before_its_own_words():
    # 11 of 20 tokens stay, and the last example has no more
    model, inputs = encoder(), batch(padding=9)
    kept = KeepFirst(0.5, (0.5,)).prepare(model, inputs)(inputs.ids, inputs.mask)
    torch.testing.assert_close(kept[-1], model(inputs.ids, inputs.mask)[-1], rtol=0, atol=1e-6)


def test_keeping_the_first_has_good_manners():
    assert_good_manners(KeepFirst(0.5))
    assert_company_is_ignored(KeepFirst(0.5))


@pytest.mark.parametrize(("key", "value"), [("keep_ratio", 0), ("keep_ratio", 1.2), ("prune_at", ()), ("prune_at", 1)])
def test_what_makes_no_sense_is_refused_by_its_key(key, value):
    with pytest.raises(PlanError, match=rf"executor.{key}=.* is refused; allowed"):
        KeepFirst(**{key: value})
