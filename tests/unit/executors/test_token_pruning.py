import math

import pytest
import torch

from ace.errors import PlanError
from ace.executors.token_pruning import SCORES, TokenPruning, cls_attention, received_attention
from ace.measure.witness import dispatched, tokens_per_layer
from tests.unit.executors.manners import assert_company_is_ignored, assert_good_manners
from tests.unit.executors.tiny import batch, encoder


def attention_matrix(q: torch.Tensor, k: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(batch, heads, tokens, tokens), spelt out."""
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return scores.masked_fill(mask[:, None, None, :] == 0, -torch.inf).softmax(-1)


def test_importance_is_the_cls_row_of_the_attention_matrix_averaged_over_heads():
    model, inputs = encoder(), batch(padding=5)
    q, k, _ = model.layers[0].attention.project(model.embeddings(inputs.ids) * 20)
    importance = cls_attention(q, k, model.attention_bias(inputs.mask))
    expected = attention_matrix(q, k, inputs.mask)[:, :, 0].mean(1)
    torch.testing.assert_close(importance, expected)
    assert expected.std() > 0.01  # an even spread would prove nothing


def test_the_result_is_that_of_attending_with_all_tokens_and_dropping_them_afterwards():
    """EViT's own order of steps, one example and one token at a time."""
    model, inputs = encoder(), batch()
    candidate = TokenPruning(keep_ratio=0.5, prune_at=(0.2, 0.5)).prepare(model, inputs)
    expected = []
    for ids in inputs.ids:
        x = model.embeddings(ids[None])
        for index, layer in enumerate(model.layers):
            bias = model.attention_bias(torch.ones(1, x.shape[1]))
            q, k, v = layer.attention.project(x)
            x = layer.attention.attend(x, q, k, v, bias)
            if index in (1, 3):
                to_cls = attention_matrix(q, k, torch.ones(1, q.shape[2]))[0, :, 0, 1:].mean(0)
                best = to_cls.argsort(descending=True)[: math.ceil(0.5 * len(to_cls))]
                x = x[:, [0, *(1 + best).tolist()]]
            x = layer.feed_forward(x)
        expected.append(model.pool(x, torch.ones(1, x.shape[1])))
    torch.testing.assert_close(candidate(inputs.ids, inputs.mask), torch.cat(expected), rtol=0, atol=1e-5)


def test_importance_may_be_the_columns_of_the_attention_matrix_without_what_padding_attends_to():
    model, inputs = encoder(), batch(padding=5)
    q, k, _ = model.layers[0].attention.project(model.embeddings(inputs.ids) * 20)
    importance = received_attention(q, k, model.attention_bias(inputs.mask))
    real = inputs.mask[:, None, :, None]  # queries
    expected = (attention_matrix(q, k, inputs.mask) * real).sum((1, 2))
    torch.testing.assert_close(importance, expected)
    assert expected.std() > 0.01


def test_cls_and_all_queries_do_not_agree_on_what_matters():
    model, inputs = encoder(), batch()
    first, second = (TokenPruning(0.5, score=score).prepare(model, inputs) for score in ("cls", "received"))
    assert not torch.equal(first(inputs.ids, inputs.mask), second(inputs.ids, inputs.mask))
    assert tokens_per_layer(first, inputs) == tokens_per_layer(second, inputs)


def test_without_a_word_it_is_cls_that_is_asked():
    model, inputs = encoder(), batch()
    plain, named = (pruning.prepare(model, inputs) for pruning in (TokenPruning(0.5), TokenPruning(0.5, score="cls")))
    assert torch.equal(plain(inputs.ids, inputs.mask), named(inputs.ids, inputs.mask))


@pytest.mark.parametrize("score", SCORES)
def test_the_sham_scores_every_token_and_drops_none(score, monkeypatch):
    model, inputs, seen = encoder(), batch(padding=4), []
    scored = SCORES[score]
    monkeypatch.setitem(SCORES, score, lambda *given: seen.append(given) or scored(*given))
    sham = TokenPruning(0.5, score=score).sham(model, inputs)
    assert torch.equal(sham(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask))
    assert len(seen) == 2
    assert tokens_per_layer(sham, inputs) == (20,) * 6
    assert dispatched(sham, inputs)[0] > dispatched(model, inputs)[0]


@pytest.mark.parametrize("score", SCORES)
def test_token_pruning_has_good_manners(score):
    assert_good_manners(TokenPruning(0.5, score=score))
    assert_company_is_ignored(TokenPruning(0.5, score=score))


@pytest.mark.parametrize("score", ["CLS", "", "mean", None, 1, True, ["cls"]])
def test_a_score_that_nobody_gives_is_refused_by_its_key(score):
    with pytest.raises(PlanError, match=r"executor.score=.* is refused; allowed: cls, received"):
        TokenPruning(score=score)
