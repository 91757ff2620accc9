import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ace.domain.workload import Batch
from ace.errors import PlanError
from ace.executors.truncation import Truncation, cut
from ace.measure.witness import tokens_per_layer
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


@pytest.mark.parametrize("ratio", [0, 1.2, "half", True])
def test_an_impossible_ratio_is_refused_by_its_key(ratio):
    with pytest.raises(PlanError, match=r"executor\.keep_ratio="):
        Truncation(ratio)
