import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ace.domain.workload import Batch
from ace.errors import PlanError
from ace.executors.token_pruning import TokenPruning
from ace.executors.truncation import Truncation, cut
from ace.measure.witness import dispatched, tokens_per_layer
from tests.unit.executors.manners import assert_company_is_ignored, assert_good_manners
from tests.unit.executors.tiny import batch, encoder

CLS, SEP = 101, 102


class Echo(nn.Module):
    """Any module that takes ids and mask; it shows what it was given."""

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.stack([ids, mask])


def framed(lengths: list[int], tokens: int) -> Batch:
    """Texts of different words between [CLS] and [SEP], padded at the end."""
    ids = torch.zeros(len(lengths), tokens, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.tensor([CLS, *range(1000, 1000 + length - 2), SEP])
        mask[row, :length] = 1
    return Batch(ids, mask)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(2, 40), min_size=1, max_size=4), st.integers(0, 5), st.floats(0.01, 1.0))
def test_every_text_is_what_a_tokenizer_would_have_made_of_it_with_that_limit(lengths, padding, ratio):
    inputs = framed(lengths, max(lengths) + padding)
    left = 1 + math.ceil(ratio * (inputs.ids.shape[1] - 1) - 1e-9)
    ids, mask = Truncation(ratio).prepare(Echo(), inputs)(inputs.ids, inputs.mask)
    expected = framed([min(length, left) for length in lengths], left)
    assert torch.equal(ids, expected.ids)
    assert torch.equal(mask, expected.mask)


def test_the_text_still_ends_in_its_own_sep():
    ids, _ = cut(*(getattr(framed([20], 20), part) for part in ("ids", "mask")), 6)
    assert ids.tolist() == [[CLS, 1000, 1001, 1002, 1003, SEP]]


@pytest.mark.parametrize("model", [Echo(), nn.Linear(2, 2)])
def test_a_module_whose_layers_cannot_be_counted_is_cut_without_a_promise(model):
    executor = Truncation(0.5)
    assert executor.declares(batch()).tokens_per_layer is None
    executor.prepare(encoder(), batch())
    assert executor.declares(batch()).tokens_per_layer == (11,) * 6
    executor.prepare(model, batch())
    assert executor.declares(batch()).tokens_per_layer is None


def test_truncation_has_good_manners():
    assert_good_manners(Truncation(0.5))
    assert_company_is_ignored(Truncation(0.5))


def test_the_witness_sees_the_cut_in_every_layer():
    model, inputs, executor = encoder(), batch(tokens=20), Truncation(0.5)
    candidate = executor.prepare(model, inputs)
    assert tokens_per_layer(candidate, inputs) == executor.declares(inputs).tokens_per_layer == (11,) * 6


def test_cutting_nothing_off_is_the_model_itself():
    model, inputs = encoder(), batch()
    made = Truncation(1.0).prepare(model, inputs)
    assert torch.equal(made(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask))


@pytest.fixture(scope="module")
def as_large_as_minilm() -> nn.Module:
    return encoder(hidden=384, heads=12, positions=128)


@pytest.mark.parametrize("tokens", [64, 128])
@pytest.mark.parametrize("ratio", [0.5, 0.7])
@pytest.mark.parametrize("prune_at", [(0.17, 0.5), (0.2, 0.4, 0.6)])
def test_cut_to_equal_cost_takes_as_many_flops_as_pruning_on_the_way(as_large_as_minilm, tokens, ratio, prune_at):
    model, inputs = as_large_as_minilm, batch(1, tokens)
    cut_at_start = dispatched(Truncation(ratio, prune_at).prepare(model, inputs), inputs)[0]
    pruned = dispatched(TokenPruning(ratio, prune_at).prepare(model, inputs), inputs)[0]
    assert cut_at_start == pytest.approx(pruned, rel=0.02)


def test_cut_by_the_ratio_alone_the_model_takes_fewer_or_more(as_large_as_minilm):
    model, inputs = as_large_as_minilm, batch(1, 128)
    flops = {
        ratio: [dispatched(e(ratio).prepare(model, inputs), inputs)[0] for e in (Truncation, TokenPruning)]
        for ratio in (0.3, 0.7)
    }
    assert flops[0.3][0] < 0.9 * flops[0.3][1]
    assert flops[0.7][0] > 1.03 * flops[0.7][1]


@pytest.mark.parametrize("tokens", [2, 3, 9, 30])
@pytest.mark.parametrize("ratio", [0.1, 0.6, 1.0])
def test_the_witness_sees_the_cut_to_equal_cost_and_it_never_goes_below_what_pruning_leaves(tokens, ratio):
    model, inputs, executor = encoder(), batch(tokens=tokens), Truncation(ratio, (0.17, 0.5))
    candidate = executor.prepare(model, inputs)
    declared = executor.declares(inputs).tokens_per_layer
    assert tokens_per_layer(candidate, inputs) == declared == declared[:1] * 6
    left = TokenPruning(ratio)
    left.prepare(model, inputs)
    assert left.declares(inputs).tokens_per_layer[-1] <= declared[0] <= tokens


def test_pruning_that_drops_nothing_costs_the_whole_input():
    model, inputs = encoder(), batch()
    made = Truncation(1.0, (0.17, 0.5)).prepare(model, inputs)
    assert torch.equal(made(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask))


def test_pruning_in_the_last_layer_alone_costs_more_than_pruning_in_the_first():
    inputs, left = batch(tokens=40), []
    for at in (0.0, 0.5, 0.9):
        executor = Truncation(0.5, (at,))
        executor.prepare(encoder(), inputs)
        left.append(executor.declares(inputs).tokens_per_layer[0])
    assert 20 < left[0] < left[1] < left[2] < 40


def test_truncation_to_equal_cost_has_good_manners():
    assert_good_manners(Truncation(0.5, (0.17, 0.5)))
    assert_company_is_ignored(Truncation(0.5, (0.17, 0.5)))


class Numbered(Echo):
    layers = 6


class Hollow(Echo):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2)])


@pytest.mark.parametrize(
    ("model", "lacks"), [(Echo(), "layers;"), (Numbered(), "layers;"), (Hollow(), r"layers\[0\].attention")]
)
def test_a_cost_that_cannot_be_told_is_refused_by_its_key_and_cutting_by_ratio_is_not(model, lacks):
    with pytest.raises(PlanError, match=rf"executor.prune_at=\[0.5\] is refused: .* has no {lacks}.* allowed: null"):
        Truncation(0.5, (0.5,)).prepare(model, batch())
    by_ratio = Truncation(0.5).prepare(model, batch())
    assert by_ratio(batch().ids, batch().mask).shape == (2, 3, 11)


@pytest.mark.parametrize("prune_at", [(), (1.0,), (-0.1,), 0.5, "0.5"])
def test_a_schedule_that_names_no_layer_is_refused_by_its_key(prune_at):
    with pytest.raises(PlanError, match=r"executor.prune_at=.* is refused; allowed"):
        Truncation(0.5, prune_at)


@pytest.mark.parametrize("ratio", [0, -0.1, 1.2, float("nan"), "half", True, None])
def test_an_impossible_ratio_is_refused_by_its_key(ratio):
    with pytest.raises(PlanError, match=r"executor\.keep_ratio="):
        Truncation(ratio)
