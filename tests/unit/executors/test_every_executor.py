"""What all executors have in common: the shortest inputs work, and a model that lacks a part is refused by its name."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from ace.domain.workload import Executor
from ace.errors import PlanError
from ace.executors.identity import Identity
from ace.executors.int8_quantization import Int8Quantization
from ace.executors.keep_first import KeepFirst
from ace.executors.length_bucketed import LengthBucketed
from ace.executors.low_rank import LowRank
from ace.executors.random_pruning import RandomPruning
from ace.executors.token_merging import TokenMerging
from ace.executors.token_pruning import TokenPruning
from ace.executors.token_pruning_threshold import TokenPruningThreshold
from ace.executors.truncation import Truncation
from ace.executors.unpadded import Unpadded
from ace.measure.witness import tokens_per_layer
from tests.unit.executors.manners import prepared
from tests.unit.executors.tiny import batch, encoder

NEED_PARTS: dict[str, Callable[[float], Executor]] = {
    "cls": TokenPruning,
    "received": lambda keep: TokenPruning(keep, score="received"),
    "threshold": TokenPruningThreshold,
    "first": KeepFirst,
    "random": RandomPruning,
    "merging": lambda keep: TokenMerging(max(keep, 0.5)),
    "low rank": LowRank,
    "cut to cost": lambda keep: Truncation(keep, (0.17, 0.5)),
}
TAKE_ANY: dict[str, Callable[[float], Executor]] = {
    "identity": lambda _: Identity(),
    "torch.ao": lambda _: Int8Quantization(),
    "torchao": lambda _: Int8Quantization("torchao"),
    "unpadded": lambda _: Unpadded(),
    "bucketed": lambda _: LengthBucketed(),
}


class Flat(nn.Module):
    """Takes ids and mask and has linear maps, and none of the encoder's parts."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(20, 4)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.dense((ids * mask).float())


@pytest.mark.parametrize("tokens", [1, 2, 3, 4])
@pytest.mark.parametrize("keep", [0.1, 0.7])
@pytest.mark.parametrize("make", [*NEED_PARTS.values(), *TAKE_ANY.values(), Truncation])
def test_one_document_of_a_few_tokens_is_embedded_and_no_promise_is_broken(make, keep, tokens):
    model, inputs, executor = encoder(), batch(1, tokens), make(keep)
    if hasattr(executor, "calibrate"):
        executor.calibrate(model, inputs)
    candidate = executor.prepare(model, inputs)
    with torch.inference_mode():
        output = candidate(inputs.ids, inputs.mask)
    assert output.shape == (1, 32)
    assert output.isfinite().all()
    promised = executor.declares(inputs).tokens_per_layer if hasattr(executor, "declares") else None
    assert promised in (None, tokens_per_layer(candidate, inputs))


@pytest.mark.parametrize("name", NEED_PARTS)
@pytest.mark.parametrize("layers", [None, 6, nn.ModuleList(), nn.ModuleList([nn.Linear(4, 4)])])
def test_a_model_without_the_parts_is_refused_by_the_part_and_told_what_to_choose(name, layers):
    model = Flat()
    model.layers = layers
    with pytest.raises(PlanError, match=r"it has no (embeddings|layers).*model=minilm or model=encoder"):
        prepared(NEED_PARTS[name](0.5), model, batch())


@pytest.mark.parametrize("layers", [6, nn.ModuleList()])
@pytest.mark.parametrize("name", NEED_PARTS)
def test_an_encoder_that_only_numbers_its_layers_or_has_none_is_refused_rather_than_measured_unchanged(name, layers):
    model = encoder()
    del model.layers
    model.layers = layers
    with pytest.raises(PlanError, match="it has no layers"):
        prepared(NEED_PARTS[name](0.5), model, batch())


@pytest.mark.parametrize("name", TAKE_ANY)
def test_executors_that_need_no_parts_take_any_module(name):
    inputs = batch()
    assert prepared(TAKE_ANY[name](0.5), Flat(), inputs)(inputs.ids, inputs.mask).shape == (3, 4)
