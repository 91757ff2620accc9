"""What is stored counts, whatever a quantised layer calls it."""

import pytest
import torch
from torch import nn

from ace.executors.int8_quantization import TORCH_AO, TORCHAO, Int8Quantization
from ace.executors.token_pruning import TokenPruning
from ace.measure.weights import number_types, weights
from tests.unit.executors.tiny import batch, encoder


def count(module):
    return sum(weight.numel() for weight in weights(module))


def test_a_plain_encoder_holds_its_parameters():
    model = encoder()
    assert count(model) == sum(p.numel() for p in model.parameters())
    assert number_types(model) == ("float32",)
    assert number_types(TokenPruning(0.5).prepare(model, batch())) == ("float32",)


@pytest.mark.parametrize(("path", "stored"), [(TORCH_AO, "qint8"), (TORCHAO, "int8")])
def test_int8_weights_are_seen_and_none_is_lost(path, stored):
    model = encoder()
    quantised = Int8Quantization(path).prepare(model, batch())
    assert stored in number_types(quantised)
    assert count(quantised) == count(model)


def test_half_precision_hidden_in_a_buffer_is_seen_and_an_index_table_is_no_weight():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("small", torch.zeros(4, 4, dtype=torch.bfloat16))
            self.register_buffer("table", torch.zeros(4, 4, dtype=torch.int64))

    assert number_types(Hidden()) == ("bfloat16",)
    assert count(Hidden()) == 16


def test_a_shared_weight_is_held_once():
    linear = nn.Linear(4, 4, bias=False)
    assert count(nn.Sequential(linear, linear)) == 16
