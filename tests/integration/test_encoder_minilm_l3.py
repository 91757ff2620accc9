"""The second encoder against the ONNX graph that its weights come from, run by onnx's own evaluator in numpy."""

import numpy as np
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from safetensors.torch import load_file
from torch import nn

from ace.domain.plan import ModelSpec
from ace.models import minilm, minilm_l3, tokenizer
from ace.models.loading import load_model

SPEC = ModelSpec("minilm_l3", "ace.models.minilm_l3.load", 384, 3, 12, 512, True, 0)
EMBEDDING = "461"  # the graph's mean over the tokens; it also returns ids, mask and hidden states


@pytest.fixture(scope="module")
def encoder() -> nn.Module:
    return load_model(SPEC)


@pytest.fixture(scope="module")
def graph() -> ReferenceEvaluator:
    return ReferenceEvaluator(str(minilm_l3.WEIGHTS.verified()))


def embeddings(encoder: nn.Module, *texts: str) -> torch.Tensor:
    """(texts, hidden), one by one: without padding."""
    rows = [torch.tensor([ids]) for ids in tokenizer.encode(tokenizer.load(), texts)]
    with torch.inference_mode():
        return torch.cat([encoder(row, torch.ones_like(row)) for row in rows])


@pytest.mark.parametrize("lengths", [[64, 64, 64], [64, 40, 3], [512]])
def test_it_is_the_exported_graph_to_the_sixth_decimal_padded_and_not(encoder, graph, lengths):
    rng = np.random.default_rng(len(lengths))
    ids = rng.integers(1000, 30000, (len(lengths), max(lengths)))
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    ids *= mask
    (mean,) = graph.run([EMBEDDING], {"input_ids": ids, "attention_mask": mask})
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    with torch.inference_mode():
        ours = encoder(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    assert np.abs(ours - expected).max() <= 1e-6


def test_texts_that_mean_the_same_are_closer_than_texts_that_share_their_words(encoder):
    asked, same, other = embeddings(
        encoder,
        "the engine of my old car does not start on cold mornings",
        "when it is freezing outside my vehicle refuses to run",
        "on cold mornings my old cat does not start to purr",
    )
    assert asked @ same > asked @ other + 0.1


def test_most_words_are_nearest_to_the_word_of_the_same_number_in_minilms_table(encoder):
    """Evidence that the tokenizer fits: the two models were trained apart, and only the vocabulary ties their rows."""
    ours = encoder.embeddings.words.weight
    theirs = load_file(minilm.WEIGHTS.verified())["embeddings.word_embeddings.weight"]
    ours, theirs = (nn.functional.normalize(table - table.mean(0)) for table in (ours, theirs))
    drawn = torch.arange(0, len(ours), 61)
    assert ((ours[drawn] @ theirs.T).argmax(1) == drawn).float().mean() > 0.99


def test_it_has_half_the_layers_of_the_default_model_and_none_of_its_weights(encoder):
    default = load_model(ModelSpec("minilm", "ace.models.minilm.load", 384, 6, 12, 512, True, 0))
    assert (len(encoder.layers), len(default.layers)) == (3, 6)
    theirs = dict(default.named_parameters())
    assert not any(torch.equal(weight, theirs[name]) for name, weight in encoder.named_parameters())
