import pytest
import torch
from torch import nn

from ace.errors import PlanError
from ace.executors.dropping import Schedule, chosen_rows, take, take_heads
from ace.executors.identity import Identity
from ace.executors.random_pruning import RandomPruning
from ace.executors.token_pruning import TokenPruning
from tests.unit.executors.tiny import batch, encoder

PRUNING = [TokenPruning, RandomPruning]


def tokens_given_to_linear_maps(candidate: nn.Module, inputs) -> list[int]:
    """Fewest tokens that any linear map of each layer is given."""
    seen: dict[int, int] = {}
    for name, part in candidate.named_modules():
        if isinstance(part, nn.Linear):
            layer = int(name.split("layers.")[1].split(".")[0])
            part.register_forward_pre_hook(
                lambda _, given, layer=layer: seen.update({layer: min(given[0].shape[1], seen.get(layer, 10**6))})
            )
    candidate(inputs.ids, inputs.mask)
    return [seen[layer] for layer in sorted(seen)]


@pytest.mark.parametrize("executor", PRUNING)
def test_a_pruned_model_that_keeps_everything_equals_dense_to_the_bit(executor):
    model, inputs = encoder(), batch(padding=4)
    candidate = executor(keep_ratio=1.0).prepare(model, inputs)
    assert torch.equal(candidate(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask))


@pytest.mark.parametrize("executor", PRUNING)
@pytest.mark.parametrize("keep_ratio", [0.1, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("depth", [1, 2, 6])
def test_pruning_really_hands_fewer_tokens_to_the_linear_maps_and_declares_how_many(executor, keep_ratio, depth):
    inputs = batch()
    pruning = executor(keep_ratio=keep_ratio)
    candidate = pruning.prepare(encoder(depth=depth), inputs)
    assert tokens_given_to_linear_maps(candidate, inputs) == list(pruning.declares(inputs).tokens_per_layer)


def test_chance_drops_as_many_tokens_at_the_same_layers_as_attention_does():
    inputs, model = batch(), encoder()
    attention, chance = TokenPruning(0.6), RandomPruning(0.6)
    assert tokens_given_to_linear_maps(attention.prepare(model, inputs), inputs) == tokens_given_to_linear_maps(
        chance.prepare(model, inputs), inputs
    )


@pytest.mark.parametrize("executor", [*PRUNING, Identity])
def test_a_candidate_shares_no_memory_with_the_baseline_and_leaves_it_as_it_was(executor):
    model, inputs = encoder(), batch()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    candidate = executor().prepare(model, inputs)
    candidate(inputs.ids, inputs.mask)
    assert not {p.data_ptr() for p in model.parameters()} & {p.data_ptr() for p in candidate.parameters()}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert sum(p.numel() for p in candidate.parameters()) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("executor", PRUNING)
def test_an_example_is_embedded_the_same_whatever_stands_beside_it(executor):
    inputs = batch(size=4)
    candidate = executor(keep_ratio=0.5).prepare(encoder(), inputs)
    together = candidate(inputs.ids, inputs.mask)
    alone = torch.cat([candidate(inputs.ids[i : i + 1], inputs.mask[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("executor", PRUNING)
def test_padding_beyond_what_is_dropped_anyway_changes_nothing(executor):
    # 3 real tokens and one of padding: all real ones stay, so the embedding is the dense one
    model, inputs = encoder(), batch(size=1, tokens=4, padding=1)
    candidate = executor(keep_ratio=0.66, prune_at=(0.5,)).prepare(model, inputs)
    torch.testing.assert_close(candidate(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask), rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_padding_never_survives_while_a_real_token_is_dropped(seed):
    generator = torch.Generator().manual_seed(seed)
    importance = torch.rand(5, 16, generator=generator)
    real = torch.randint(1, 17, (5, 1), generator=generator)
    mask = (torch.arange(16) < real).long()
    kept = int(torch.randint(1, 17, (1,), generator=generator))
    survivors = take(mask, chosen_rows(importance, mask, kept))
    assert survivors.sum(1).tolist() == real.flatten().clamp(max=kept).tolist()


def test_the_first_token_stays_though_it_matters_least_and_the_order_is_kept():
    importance = torch.tensor([[0.0, 0.4, 0.1, 0.9, 0.3], [0.1, 0.2, 0.9, 0.8, 0.3]])
    rows = chosen_rows(importance, torch.ones(2, 5, dtype=torch.int64), 3)
    assert rows.tolist() == [[0, 1, 3], [5, 7, 8]]


def test_taking_rows_is_gathering_tokens():
    x, q = torch.rand(2, 6, 4), torch.rand(2, 3, 6, 5)
    rows = torch.tensor([[0, 2, 5], [6, 7, 11]])
    assert torch.equal(take(x, rows), torch.stack([x[0, [0, 2, 5]], x[1, [0, 1, 5]]]))
    assert torch.equal(take_heads(q, rows), torch.stack([q[0][:, [0, 2, 5]], q[1][:, [0, 1, 5]]]))


@pytest.mark.parametrize(("depth", "expected"), [(6, {1, 3}), (12, {2, 6}), (2, {0, 1}), (1, {0})])
def test_fractions_of_depth_name_the_layer_below_them_and_each_layer_prunes_once(depth, expected):
    assert Schedule(0.7, (0.17, 0.5)).layers(depth) == expected


@pytest.mark.parametrize(
    ("ratio", "tokens", "kept"), [(0.7, 64, 46), (0.5, 3, 2), (0.001, 64, 2), (0.1, 31, 4), (1, 9, 9)]
)
def test_cls_stays_besides_the_ratio_of_the_others_rounded_up(ratio, tokens, kept):
    assert Schedule(ratio, (0.0,)).kept(tokens) == kept


@pytest.mark.parametrize("executor", PRUNING)
@pytest.mark.parametrize("keep_ratio", [0, -0.1, 1.2, float("nan"), "0.7", True, None])
def test_a_keep_ratio_outside_0_to_1_is_refused_by_its_key(executor, keep_ratio):
    with pytest.raises(PlanError, match=r"executor.keep_ratio=.* is refused; allowed"):
        executor(keep_ratio=keep_ratio)


@pytest.mark.parametrize("prune_at", [(), (1.0,), (-0.1,), 0.5, ("a",), "0.5", None])
def test_a_schedule_that_names_no_layer_is_refused_by_its_key(prune_at):
    with pytest.raises(PlanError, match=r"executor.prune_at=.* is refused; allowed"):
        TokenPruning(0.7, prune_at)


def test_a_model_without_attention_is_refused_by_the_part_it_lacks():
    with pytest.raises(PlanError, match="Linear cannot be dropped: it has no embeddings"):
        TokenPruning().prepare(nn.Linear(2, 2), batch())
    model = encoder()
    model.layers[4].attention = nn.Identity()
    with pytest.raises(PlanError, match=r"it has no layers\[4\].attention.project"):
        TokenPruning().prepare(model, batch())
