import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ace.errors import PlanError
from ace.executors import token_merging
from ace.executors.token_merging import TokenMerging, matched, merged
from ace.measure.witness import dispatched, tokens_per_layer
from tests.unit.executors.manners import assert_company_is_ignored, assert_good_manners
from tests.unit.executors.tiny import batch, encoder

FEW = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**31)


def published(metric: torch.Tensor, surplus: int) -> list[tuple[int, int]]:
    """Bolya et al. 2023, section 3, in plain loops: the edges that are merged.  metric: (tokens, width)."""
    set_a, set_b = list(range(0, len(metric), 2)), list(range(1, len(metric), 2))  # 1. alternate
    edges = []
    for a in set_a[1:]:  # [CLS] is not merged away
        similarities = [float(torch.cosine_similarity(metric[a], metric[b], dim=0)) for b in set_b]
        edges.append((max(similarities), a, set_b[similarities.index(max(similarities))]))  # 2. one edge each
    edges.sort(reverse=True)
    return [(a, b) for _, a, b in edges[:surplus]]  # 3. the most similar


def averaged(x: torch.Tensor, sizes: torch.Tensor, edges: list[tuple[int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """4. Merge by averaging over original tokens.  x: (tokens, hidden), sizes: (tokens,)."""
    gone = {a for a, _ in edges}
    tokens, new_sizes = [], []
    for stays in (t for t in range(len(x)) if t not in gone):
        group = [stays, *(a for a, b in edges if b == stays)]
        new_sizes.append(sum(sizes[t] for t in group))
        tokens.append(sum(sizes[t] * x[t] for t in group) / new_sizes[-1])
    return torch.stack(tokens), torch.stack(new_sizes)


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sizes_of(seed: int, examples: int, tokens: int, padding: int = 0) -> torch.Tensor:
    """1 to 4 original tokens each; the last example ends in padding."""
    sizes = torch.randint(1, 5, (examples, tokens), generator=torch.Generator().manual_seed(seed)).float()
    sizes[:, 0] = 1
    if padding:
        sizes[-1, -padding:] = 0
    return sizes


@FEW
@given(seeds, st.integers(3, 24), st.data())
def test_the_matching_is_the_published_one(seed, tokens, data):
    surplus = data.draw(st.integers(1, (tokens - 1) // 2))
    metric, x, sizes = drawn(seed, 2, tokens, 6), drawn(seed + 1, 2, tokens, 5), sizes_of(seed, 2, tokens)
    going, target = matched(metric, sizes, surplus)
    got, got_sizes = merged(x, sizes, going, target)
    for example in range(2):
        edges = published(metric[example], surplus)
        assert set(zip(going[example].tolist(), target[example].tolist(), strict=True)) == set(edges)
        expected, expected_sizes = averaged(x[example], sizes[example], edges)
        torch.testing.assert_close(got[example], expected)
        assert torch.equal(got_sizes[example], expected_sizes)


def test_the_result_is_that_of_merging_after_the_attention_one_example_and_one_token_at_a_time():
    model, inputs = encoder(), batch()
    candidate = TokenMerging(keep_ratio=0.6, merge_at=(0.2, 0.5)).prepare(model, inputs)
    expected = []
    for ids in inputs.ids:
        x, sizes = model.embeddings(ids[None])[0], torch.ones(len(ids))
        for index, layer in enumerate(model.layers):
            q, k, v = layer.attention.project(x[None])
            scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + sizes.log()  # proportional attention
            heads = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)[0]
            x = layer.attention.norm(x + layer.attention.output(heads))
            if index in (1, 3):
                surplus = len(x) - 1 - math.ceil(0.6 * (len(x) - 1))
                x, sizes = averaged(x, sizes, published(k.mean(1)[0], surplus))
            x = layer.feed_forward(x)
        pooled = sum(size * token for size, token in zip(sizes, x, strict=True)) / len(ids)
        expected.append(nn.functional.normalize(pooled, dim=-1))
    torch.testing.assert_close(candidate(inputs.ids, inputs.mask), torch.stack(expected), rtol=0, atol=1e-5)


def test_merging_tokens_that_are_the_same_changes_nothing():
    """Only with proportional attention and pooling by size: six words stand twice, four stand once."""
    model = encoder()
    model.embeddings.positions.weight.zero_()
    ids = torch.tensor([[101, *(w for w in range(1000, 1006) for _ in "ab"), *range(2000, 2004)]])
    mask = torch.ones_like(ids)
    executor = TokenMerging(keep_ratio=10 / 16, merge_at=(0.2,))
    candidate = executor.prepare(model, batch())
    torch.testing.assert_close(candidate(ids, mask), model(ids, mask), rtol=0, atol=1e-6)
    assert tokens_per_layer(candidate, batch(1, 17)) == (17, 11, 11, 11, 11, 11)
    once = torch.tensor([[101, *range(1000, 1006), *range(2000, 2004)]])
    assert not torch.allclose(model(once, torch.ones_like(once)), model(ids, mask), atol=1e-4)


@FEW
@given(seeds, st.integers(3, 24), st.data())
def test_no_original_token_is_lost_and_cls_stands_for_itself_alone(seed, tokens, data):
    padding = data.draw(st.integers(0, tokens - 1))
    surplus = data.draw(st.integers(1, (tokens - 1) // 2))
    sizes, x = sizes_of(seed, 3, tokens, padding), drawn(seed, 3, tokens, 5)
    got, got_sizes = merged(x, sizes, *matched(drawn(seed + 1, 3, tokens, 6), sizes, surplus))
    assert got.shape[1] == got_sizes.shape[1] == tokens - surplus
    assert torch.equal(got_sizes.sum(1), sizes.sum(1))
    torch.testing.assert_close((got * got_sizes[..., None]).sum(1), (x * sizes[..., None]).sum(1), rtol=0, atol=1e-4)
    assert torch.equal(got[:, 0], x[:, 0])
    assert torch.equal(got_sizes[:, 0], sizes[:, 0])


@FEW
@given(seeds, st.integers(3, 24), st.data())
def test_padding_goes_first_and_is_never_merged_into_a_real_token(seed, tokens, data):
    padding = data.draw(st.integers(1, tokens - 1))
    surplus = data.draw(st.integers(1, (tokens - 1) // 2))
    sizes, x, metric = sizes_of(seed, 1, tokens, padding), drawn(seed, 1, tokens, 5), drawn(seed + 1, 1, tokens, 6)
    got, got_sizes = merged(x, sizes, *matched(metric, sizes, surplus))
    assert int((got_sizes > 0).sum()) == min(tokens - padding, tokens - surplus)
    x[:, -padding:], metric[:, -padding:] = 1e6, drawn(seed + 2, 1, padding, 6)  # whatever padding holds
    again, again_sizes = merged(x, sizes, *matched(metric, sizes, surplus))
    assert torch.equal(again_sizes, got_sizes)
    assert torch.equal(again[got_sizes > 0], got[got_sizes > 0])


def test_padding_beyond_what_is_merged_anyway_changes_nothing():
    # 12 real tokens of 20, and 13 stay: nothing but padding goes
    model, inputs = encoder(), batch(size=1, tokens=20, padding=8)
    candidate = TokenMerging(keep_ratio=0.6, merge_at=(0.5,)).prepare(model, inputs)
    assert torch.allclose(candidate(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask), rtol=0, atol=1e-6)


@pytest.mark.parametrize("ratio", [0.5, 0.7, 1.0])
@pytest.mark.parametrize("depth", [1, 2, 6])
def test_merging_really_hands_fewer_tokens_to_the_linear_maps_and_declares_how_many(ratio, depth):
    inputs, executor = batch(), TokenMerging(ratio)
    candidate = executor.prepare(encoder(depth=depth), inputs)
    assert tokens_per_layer(candidate, inputs) == executor.declares(inputs).tokens_per_layer


def test_a_merging_model_that_keeps_everything_equals_dense_to_the_bit():
    model, inputs = encoder(), batch(padding=4)
    candidate = TokenMerging(keep_ratio=1.0).prepare(model, inputs)
    assert torch.equal(candidate(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask))


def test_the_sham_finds_every_matching_and_merges_nothing(monkeypatch: pytest.MonkeyPatch):
    model, inputs, seen = encoder(), batch(padding=4), []
    monkeypatch.setattr(token_merging, "matched", lambda *given: seen.append(given) or matched(*given))
    sham = TokenMerging(0.5).sham(model, inputs)
    assert torch.equal(sham(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask))
    assert len(seen) == 2
    assert dispatched(sham, inputs)[0] > dispatched(model, inputs)[0]


@pytest.mark.parametrize("ratio", [0.5, 0.7, 1.0])
def test_merging_has_good_manners(ratio):
    assert_good_manners(TokenMerging(ratio))
    assert_company_is_ignored(TokenMerging(ratio))


@pytest.mark.parametrize("ratio", [0.49, 0, 1.2, float("nan"), "0.7", True, None])
def test_a_ratio_that_one_matching_cannot_reach_is_refused_by_its_key(ratio):
    with pytest.raises(PlanError, match=r"executor.keep_ratio=.* is refused; allowed"):
        TokenMerging(ratio)


def test_less_than_half_is_refused_with_what_to_do_about_it():
    with pytest.raises(PlanError, match=r"half of the tokens .* list more layers in executor.merge_at"):
        TokenMerging(0.4)


@pytest.mark.parametrize("merge_at", [(), (1.0,), 0.5, None])
def test_a_schedule_that_names_no_layer_is_refused_by_the_key_that_merging_calls_it(merge_at):
    with pytest.raises(PlanError, match=r"executor.merge_at=.* is refused; allowed"):
        TokenMerging(0.7, merge_at)


def test_a_model_without_attention_is_refused_by_the_part_it_lacks():
    with pytest.raises(PlanError, match="it has no embeddings"):
        TokenMerging().prepare(nn.Linear(2, 2), batch())
