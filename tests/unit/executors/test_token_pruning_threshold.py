import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ace.domain.workload import Batch
from ace.errors import PlanError
from ace.executors import token_pruning_threshold
from ace.executors.token_pruning import TokenPruning, received_attention
from ace.executors.token_pruning_threshold import (
    Thresholded,
    TokenPruningThreshold,
    mean_attention_received,
    packed,
    separating,
)
from ace.measure.witness import tokens_per_layer
from tests.unit.executors.manners import assert_company_is_ignored, assert_good_manners
from tests.unit.executors.tiny import batch, encoder

FEW = settings(max_examples=40, deadline=None)


def contrasted(depth: int = 6) -> nn.Module:
    """An encoder whose attention is far from even, so that scores differ by more than rounding."""
    model = encoder(depth=depth)
    for layer in model.layers:
        layer.attention.query.weight.mul_(20)
        layer.attention.key.weight.mul_(20)
    return model


def calibrated(model: nn.Module, documents: Batch, *given, **named) -> Thresholded:
    """The candidate as the harness makes it: `calibrate`, then `prepare` on some other example."""
    executor = TokenPruningThreshold(*given, **named)
    executor.calibrate(model, documents)
    return executor.prepare(model, batch(size=1, seed=99))


def scores_of(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """Kim et al. 2022, equation 3, spelt out for one example without padding: (1, heads, n, d) -> (n,)."""
    attention = (q[0] @ k[0].transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1)  # (heads, queries, keys)
    heads, queries, _ = attention.shape
    return attention.sum((0, 1)) / (heads * queries)


def test_the_score_is_the_mean_attention_received_and_padding_gives_and_gets_none():
    model, inputs = contrasted(), batch(padding=5)
    q, k, _ = model.layers[0].attention.project(model.embeddings(inputs.ids))
    scores = mean_attention_received(q, k, inputs.mask)
    for example, real in enumerate((20, 20, 15)):
        expected = scores_of(q[example : example + 1, :, :real], k[example : example + 1, :, :real])
        torch.testing.assert_close(scores[example, :real], expected)
        assert scores[example, real:].sum() == 0
        assert expected.std() > 0.01  # an even spread would prove nothing
    torch.testing.assert_close(scores.sum(1), torch.ones(3))


def test_two_implementations_written_apart_agree_on_attention_received():
    model, inputs = contrasted(), batch(padding=5)
    q, k, _ = model.layers[0].attention.project(model.embeddings(inputs.ids))
    summed = received_attention(q, k, model.attention_bias(inputs.mask))  # over heads and real queries
    mean = summed / (q.shape[1] * inputs.mask.sum(1, keepdim=True))
    torch.testing.assert_close(mean_attention_received(q, k, inputs.mask), mean)


def test_the_result_is_that_of_dropping_what_does_not_exceed_the_threshold_after_the_attention():
    """LTP's own order of steps, one example and one token at a time."""
    model, inputs = contrasted(), batch(size=4)
    thresholds = (0.04, 0.07)
    candidate = TokenPruningThreshold(prune_at=(0.2, 0.5), threshold=thresholds).prepare(model, inputs)
    expected, left = [], []
    for ids in inputs.ids:
        x = model.embeddings(ids[None])
        for index, layer in enumerate(model.layers):
            q, k, v = layer.attention.project(x)
            x = layer.attention.attend(x, q, k, v, model.attention_bias(torch.ones(1, x.shape[1])))
            if index in (1, 3):
                scores = scores_of(q, k).tolist()
                x = x[:, [0, *(t for t in range(1, len(scores)) if scores[t] > thresholds[index // 2])]]
            x = layer.feed_forward(x)
        left.append(x.shape[1])
        expected.append(model.pool(x, torch.ones(1, x.shape[1])))
    assert len(set(left)) > 1  # counts that vary, padded to the most
    assert tokens_per_layer(candidate, inputs)[-1] == max(left) < 20
    torch.testing.assert_close(candidate(inputs.ids, inputs.mask), torch.cat(expected), rtol=0, atol=1e-5)


def test_thresholds_calibrated_on_one_text_keep_of_it_what_ranking_would():
    model, inputs = contrasted(), batch(size=1)
    by_threshold = calibrated(model, inputs, 0.6)
    by_rank = TokenPruning(0.6, score="received").prepare(model, inputs)
    assert tokens_per_layer(by_threshold, inputs) == tokens_per_layer(by_rank, inputs)
    torch.testing.assert_close(
        by_threshold(inputs.ids, inputs.mask), by_rank(inputs.ids, inputs.mask), rtol=0, atol=1e-6
    )


def test_calibration_keeps_the_ratio_over_all_examples_and_not_in_each():
    model, inputs = contrasted(), batch(size=8)
    candidate = calibrated(model, inputs, 0.5, prune_at=(0.0,))
    left = [tokens_per_layer(candidate, one)[0] - 1 for one in singles(inputs)]
    assert sum(left) == 8 * 19 // 2
    assert len(set(left)) > 1
    assert tokens_per_layer(candidate, inputs)[0] == 1 + max(left)  # padded to the batch's most


def test_a_threshold_made_on_a_short_text_drops_nearly_all_of_a_long_one():
    model, short, long = contrasted(), batch(size=4, tokens=8), batch(size=4, tokens=64)
    candidate = calibrated(model, short, 0.7)
    assert tokens_per_layer(candidate, long)[-1] < 0.2 * 64
    assert tokens_per_layer(candidate, short)[-1] > 0.3 * 8


def test_an_example_of_which_nothing_deserves_to_stay_is_left_with_cls_alone():
    model, inputs = contrasted(), batch(padding=5)
    candidate = TokenPruningThreshold(threshold=0.05).prepare(model, inputs)
    candidate.thresholds = (1.0, 1.0)
    assert tokens_per_layer(candidate, inputs) == (20, 1, 1, 1, 1, 1)
    assert candidate(inputs.ids, inputs.mask).isfinite().all()


@pytest.mark.parametrize("given", [{"keep_ratio": 1.0}, {"threshold": 0}, {"keep_ratio": 0.3, "threshold_scale": 0}])
def test_a_threshold_that_everything_exceeds_leaves_the_model_as_it_is_to_the_bit(given):
    model, inputs = encoder(), batch(padding=4)
    candidate = calibrated(model, inputs, **given)
    assert torch.equal(candidate(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask))


def test_a_larger_scale_keeps_fewer_tokens():
    model, inputs = contrasted(), batch(size=1)
    left = [
        tokens_per_layer(calibrated(model, inputs, 0.6, (0.0,), threshold_scale=scale), inputs)[0]
        for scale in (0.0, 0.5, 1.0, 1.5, 2.0)
    ]
    assert left == sorted(left, reverse=True)
    assert left[2] == 1 + math.ceil(0.6 * 19)
    assert len(set(left)) >= 4


def test_calibrated_thresholds_given_by_hand_make_the_same_candidate():
    model, inputs, others = contrasted(), batch(), batch(seed=1)
    found = calibrated(model, inputs, 0.6, threshold_scale=1.2)
    given_them = TokenPruningThreshold(threshold=found.thresholds).prepare(model, others)
    assert torch.equal(found(others.ids, others.mask), given_them(others.ids, others.mask))


def test_the_same_documents_make_the_same_candidate_whatever_the_example():
    model, documents = contrasted(), batch(size=7, padding=6)
    made = []
    for seed in (1, 2):
        executor, example = TokenPruningThreshold(0.6), batch(size=2, seed=seed)
        executor.calibrate(model, documents)
        made.append(executor.prepare(model, example))
    assert made[0].thresholds == made[1].thresholds
    assert made[0].thresholds != calibrated(model, batch(size=7, seed=3), 0.6).thresholds


def test_a_threshold_that_is_given_is_not_calibrated_away():
    model, documents = contrasted(), batch(size=7)
    assert calibrated(model, documents, 0.9, threshold=0.05).thresholds == (0.05, 0.05)


@pytest.mark.parametrize("padding", [1, 20, 44])
def test_documents_calibrate_alike_padded_or_not_and_in_any_order(padding):
    model, documents = contrasted(), batch(size=5, padding=6)
    plain = calibrated(model, documents, 0.6).thresholds
    for change in (lambda x: nn.functional.pad(x, (0, padding)), lambda x: x.flip(0)):
        other = calibrated(model, Batch(change(documents.ids), change(documents.mask)), 0.6).thresholds
        assert other == pytest.approx(plain, rel=1e-6)
    unmasked = calibrated(model, Batch(documents.ids, torch.ones_like(documents.mask)), 0.6).thresholds
    assert unmasked != pytest.approx(plain, rel=1e-3)


def test_documents_calibrate_alike_a_few_at_a_time_and_all_at_once(monkeypatch):
    model, documents = contrasted(), batch(size=9, padding=6)
    found = []
    for tokens in (1, 60, 10**6):
        monkeypatch.setattr(token_pruning_threshold, "CHUNK_TOKENS", tokens)
        found.append(calibrated(model, documents, 0.6).thresholds)
    assert found[0] == pytest.approx(found[2], rel=1e-6)
    assert found[1] == pytest.approx(found[2], rel=1e-6)


def test_later_layers_are_calibrated_on_what_earlier_ones_let_through():
    model, documents = contrasted(), batch(size=8)
    both = calibrated(model, documents, 0.5, prune_at=(0.0, 0.5))
    alone = calibrated(model, documents, 0.5, prune_at=(0.5,))
    assert both.thresholds[1] != pytest.approx(alone.thresholds[0], rel=1e-3)
    first = sum(tokens_per_layer(both, one)[0] - 1 for one in singles(documents))
    assert first == 8 * 19 // 2
    assert sum(tokens_per_layer(both, one)[3] - 1 for one in singles(documents)) == first // 2


def test_without_a_calibration_or_a_threshold_the_example_is_no_substitute():
    with pytest.raises(PlanError, match=r"executor.threshold=null needs a calibration.* the harness calls calibrate"):
        TokenPruningThreshold().prepare(contrasted(), batch())


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ({"threshold": 1}, "Lower executor.threshold or executor.threshold_scale"),
        ({"threshold": (0.01, 0.9)}, "Lower executor.threshold or executor.threshold_scale"),
        ({"threshold": 0.05, "threshold_scale": 30}, "Lower executor.threshold or executor.threshold_scale"),
        ({"threshold_scale": 30}, r"Lower executor.threshold_scale\."),
    ],
)
def test_thresholds_that_leave_cls_alone_of_every_document_are_refused_by_their_key(given, mend):
    model, inputs = contrasted(), batch(padding=5)
    refused = rf"executor.threshold=.* with executor.threshold_scale=.* is refused: .*\[CLS\] alone .*; allowed.*{mend}"
    with pytest.raises(PlanError, match=refused):
        TokenPruningThreshold(**given).calibrate(model, inputs)
    if "threshold" in given:
        with pytest.raises(PlanError, match=refused):
            TokenPruningThreshold(**given).prepare(model, inputs)


def test_attention_that_is_even_has_no_threshold():
    model = encoder()
    for layer in model.layers:
        layer.attention.query.weight.zero_()
    with pytest.raises(PlanError, match=r"executor.threshold=null .* receives the same: choose executor=token_pruning"):
        TokenPruningThreshold(0.5).calibrate(model, batch(tokens=16))  # a sixteenth has no rounding


def test_one_document_of_which_something_stays_is_enough():
    model, documents = contrasted(), batch(size=8)
    left, threshold = [2] * 8, 0.05
    while 1 not in left:  # raise it until some documents, and not yet all, are down to [CLS]
        threshold *= 1.1
        candidate = calibrated(model, documents, prune_at=(0.0,), threshold=threshold)
        left = [tokens_per_layer(candidate, one)[0] for one in singles(documents)]
    assert max(left) > 1


def test_documents_of_cls_alone_have_nothing_to_lose():
    model, documents = contrasted(), batch(size=2, tokens=1)
    candidate = TokenPruningThreshold(threshold=0.9).prepare(model, documents)
    assert torch.equal(candidate(documents.ids, documents.mask), model(documents.ids, documents.mask))


def test_fractions_that_fall_on_one_layer_prune_it_once_by_the_first_threshold():
    model, inputs = contrasted(depth=1), batch()
    both = TokenPruningThreshold(prune_at=(0.1, 0.5), threshold=(0.05, 0.5)).prepare(model, inputs)
    one = TokenPruningThreshold(prune_at=(0.1,), threshold=0.05).prepare(model, inputs)
    assert torch.equal(both(inputs.ids, inputs.mask), one(inputs.ids, inputs.mask))
    found = calibrated(model, singles(inputs)[0], 0.5, prune_at=(0.1, 0.5))
    assert tokens_per_layer(found, singles(inputs)[0]) == (11,)


@pytest.mark.parametrize("padding", [1, 7, 30])
def test_padding_changes_neither_what_is_kept_nor_the_embedding(padding):
    model, inputs = contrasted(), batch(size=1)
    candidate = TokenPruningThreshold(threshold=(0.04, 0.07)).prepare(model, inputs)
    padded = Batch(nn.functional.pad(inputs.ids, (0, padding)), nn.functional.pad(inputs.mask, (0, padding)))
    torch.testing.assert_close(
        candidate(padded.ids, padded.mask), candidate(inputs.ids, inputs.mask), rtol=0, atol=1e-6
    )
    assert tokens_per_layer(candidate, padded)[-1] == tokens_per_layer(candidate, inputs)[-1] < 20


@FEW
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60, unique=True), st.floats(0.001, 1.0))
def test_a_separating_threshold_lets_through_the_ratio_rounded_up(scores, ratio):
    threshold = separating(torch.tensor(scores, dtype=torch.float32) / 10**6, ratio)
    assert sum(score / 10**6 > threshold for score in scores) == math.ceil(ratio * len(scores) - 1e-9)


@FEW
@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 2**31))
def test_packing_keeps_every_survivor_once_in_its_order_and_masks_the_rest(examples, tokens, seed):
    stays = torch.rand(examples, tokens, generator=torch.Generator().manual_seed(seed)) < 0.5
    places, mask = packed(stays)
    assert places.shape == mask.shape == (examples, max(1, int(stays.sum(1).max())))
    for example in range(examples):
        left = int(mask[example].sum())
        assert mask[example].tolist() == [1] * left + [0] * (mask.shape[1] - left)
        assert places[example, :left].tolist() == stays[example].nonzero().flatten().tolist()


def test_nothing_is_declared_because_no_count_holds_for_every_text():
    executor, inputs = TokenPruningThreshold(threshold=0.05), batch()
    executor.prepare(contrasted(), inputs)
    assert executor.declares(inputs).tokens_per_layer is None


def test_what_stays_is_decided_without_the_code_that_other_pruning_decides_by():
    shared = {"DroppingEncoder", "Schedule", "chosen_rows", "take", "take_heads"}
    assert not shared & set(vars(token_pruning_threshold))


@pytest.mark.parametrize("executor", [TokenPruningThreshold(0.5), TokenPruningThreshold(threshold=(0.04, 0.05))])
def test_a_threshold_has_good_manners(executor):
    candidate = assert_good_manners(executor)
    assert copy.deepcopy(candidate).thresholds == candidate.thresholds


def test_company_is_ignored_though_the_longest_decides_the_width():
    assert_company_is_ignored(TokenPruningThreshold(0.5))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("keep_ratio", bad) for bad in (0, -0.1, 1.2, float("nan"), "0.7", True, None)),
        *(("prune_at", bad) for bad in ((), (1.0,), (-0.1,), 0.5, "0.5", None)),
        *(("threshold", bad) for bad in (-0.1, 1.5, float("nan"), "0.1", True, (), (0.1,), (0.1, 2), (0.1, None))),
        *(("threshold_scale", bad) for bad in (-1, float("inf"), float("nan"), "1", True, None)),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_key(key, value):
    with pytest.raises(PlanError, match=rf"executor.{key}=.* is refused; allowed"):
        TokenPruningThreshold(**{key: value})


def test_a_model_without_attention_is_refused_by_the_part_it_lacks():
    with pytest.raises(PlanError, match="it has no embeddings"):
        TokenPruningThreshold().calibrate(nn.Linear(2, 2), batch())
    with pytest.raises(PlanError, match="it has no embeddings"):
        TokenPruningThreshold(threshold=0.05).prepare(nn.Linear(2, 2), batch())


def singles(inputs: Batch) -> list[Batch]:
    return [Batch(inputs.ids[i : i + 1], inputs.mask[i : i + 1]) for i in range(len(inputs.ids))]
