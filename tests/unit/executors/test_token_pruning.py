import math

import torch

from ace.executors.token_pruning import TokenPruning, cls_attention
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
