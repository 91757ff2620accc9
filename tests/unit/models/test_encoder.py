import pytest
import torch

from ace.domain.plan import ModelSpec
from ace.models import random_encoder
from ace.models.encoder import Encoder


def encoder(hidden: int = 32, depth: int = 3, heads: int = 2, positions: int = 64, seed: int = 0) -> Encoder:
    return random_encoder.load(
        ModelSpec("encoder", "ace.models.random_encoder.load", hidden, depth, heads, positions, False, seed)
    )


def tokens(batch: int, length: int) -> torch.Tensor:
    return torch.randint(1000, 2000, (batch, length), generator=torch.Generator().manual_seed(1))


def test_an_embedding_has_the_models_hidden_size_and_length_one():
    ids = tokens(3, 10)
    embedding = encoder(hidden=48, heads=3)(ids, torch.ones_like(ids))
    assert embedding.shape == (3, 48)
    assert embedding.dtype == torch.float32
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3))


def test_padding_does_not_change_an_embedding():
    model, ids = encoder(), tokens(2, 9)
    padded = torch.cat([ids, torch.zeros(2, 7, dtype=torch.int64)], dim=1)
    mask = torch.cat([torch.ones_like(ids), torch.zeros(2, 7, dtype=torch.int64)], dim=1)
    torch.testing.assert_close(model(padded, mask), model(ids, torch.ones_like(ids)), rtol=0, atol=1e-6)


def test_an_example_that_is_all_padding_gives_numbers_and_not_nan():
    ids = torch.zeros(1, 8, dtype=torch.int64)
    assert encoder()(ids, torch.zeros_like(ids)).isfinite().all()


@pytest.mark.parametrize(("hidden", "depth"), [(32, 1), (32, 5), (64, 3)])
def test_hidden_and_depth_are_the_sizes_of_the_linear_maps_and_not_labels(hidden, depth):
    linear = [part for part in encoder(hidden, depth).modules() if isinstance(part, torch.nn.Linear)]
    assert sum(part.weight.numel() for part in linear) == depth * 12 * hidden**2


def test_every_linear_map_lives_under_the_name_of_its_layer():
    names = [name for name, part in encoder(depth=2).named_modules() if isinstance(part, torch.nn.Linear)]
    assert {tuple(name.split(".")[:2]) for name in names} == {("layers", "0"), ("layers", "1")}


def test_attending_with_some_queries_gives_those_rows_of_attending_with_all():
    model, ids = encoder(), tokens(2, 12)
    attention, x = model.layers[0].attention, model.embeddings(ids)
    q, k, v = attention.project(x)
    bias = model.attention_bias(torch.ones_like(ids))
    some = [0, 3, 11]
    torch.testing.assert_close(
        attention.attend(x[:, some], q[:, :, some], k, v, bias), attention.attend(x, q, k, v, bias)[:, some]
    )


def test_random_weights_depend_on_the_seed_alone():
    ids = tokens(1, 8)
    mask = torch.ones_like(ids)
    torch.manual_seed(1)
    first = encoder(seed=3)(ids, mask)
    torch.manual_seed(2)
    assert torch.equal(encoder(seed=3)(ids, mask), first)
    assert not torch.equal(encoder(seed=4)(ids, mask), first)


def test_a_loaded_model_wants_no_gradients_and_is_in_evaluation_mode():
    model = encoder()
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
