import pytest
import torch
from torch import nn

from ace.errors import PlanError
from ace.executors.low_rank import MATRICES, LowRank, factorised
from tests.unit.executors.tiny import batch, encoder


def linear(out: int, into: int, seed: int = 0) -> nn.Linear:
    made = nn.Linear(into, out)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        made.weight.copy_(torch.randn(out, into, generator=generator))
        made.bias.copy_(torch.randn(out, generator=generator))
    return made


@torch.no_grad()
def product(factors: nn.Sequential) -> torch.Tensor:
    """The matrix that two factors stand for: (out, in)."""
    narrow, widen = factors
    return widen.weight @ narrow.weight


@pytest.mark.parametrize(("out", "into"), [(32, 8), (8, 32), (8, 8)])
def test_what_is_lost_is_exactly_the_singular_values_cut_off(out, into):
    dense = linear(out, into)
    left = torch.linalg.svdvals(dense.weight.detach().double())[3:]
    lost = torch.linalg.matrix_norm(dense.weight.detach() - product(factorised(dense, 3)))
    assert float(lost) == pytest.approx(float(left.square().sum().sqrt()), rel=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_no_other_matrix_of_that_rank_is_nearer(seed):
    """Eckart & Young 1936, against the factors themselves pushed a little in any direction."""
    dense = linear(12, 6)
    narrow, widen = factorised(dense, 2)
    generator = torch.Generator().manual_seed(seed)
    a, b = (x.weight + 0.05 * torch.randn(x.weight.shape, generator=generator) for x in (widen, narrow))
    best = torch.linalg.matrix_norm(dense.weight - widen.weight @ narrow.weight)
    assert torch.linalg.matrix_norm(dense.weight - a @ b) > best


def test_a_matrix_that_has_the_rank_is_kept_and_so_is_the_bias():
    dense = linear(10, 6)
    with torch.no_grad():
        dense.weight.copy_(linear(10, 2, seed=1).weight @ linear(2, 6, seed=2).weight)
    x = torch.randn(4, 7, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(factorised(dense, 2)(x), dense(x), rtol=0, atol=1e-5)
    dense.bias = None
    torch.testing.assert_close(factorised(dense, 2)(x), dense(x), rtol=0, atol=1e-5)


def test_full_rank_is_dense_but_for_rounding():
    model, inputs = encoder(), batch(padding=4)
    candidate = LowRank(1.0).prepare(model, inputs)
    torch.testing.assert_close(candidate(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("ratio", "out", "into", "rank"), [
    (0.5, 128, 32, 16), (0.01, 128, 32, 1), (0.29, 100, 400, 29), (0.99, 4, 4, 3), (1, 4, 16, 4),
])  # fmt: skip
def test_the_rank_is_the_ratio_of_the_shorter_side_rounded_down_and_never_none(ratio, out, into, rank):
    assert LowRank(ratio).rank(nn.Linear(into, out)) == rank


@pytest.mark.parametrize(("ratio", "saves"), [(0.5, True), (0.78, True), (0.82, False), (1.0, False)])
def test_factors_of_a_fourfold_matrix_are_smaller_than_it_only_below_four_fifths(ratio, saves):
    model = encoder(hidden=64, depth=1)
    candidate = LowRank(ratio).prepare(model, batch())
    for name in MATRICES:
        dense, factors = (getattr(m.layers[0].feed_forward, name) for m in (model, candidate))
        assert (sum(f.weight.numel() for f in factors) < dense.weight.numel()) is saves


def test_a_candidate_shares_no_memory_with_the_model_leaves_it_as_it_was_and_draws_nothing():
    model, inputs = encoder(), batch()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    dice = torch.get_rng_state()
    candidate = LowRank().prepare(model, inputs)
    assert torch.equal(torch.get_rng_state(), dice)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not {p.data_ptr() for p in model.parameters()} & {p.data_ptr() for p in candidate.parameters()}
    assert not any(p.requires_grad or p.is_inference() for p in candidate.parameters())
    assert not candidate.training


def test_every_factor_is_a_linear_map_that_measurement_finds_under_its_layer():
    candidate = LowRank().prepare(encoder(depth=2), batch())
    factors = [n for n, part in candidate.named_modules() if "feed_forward" in n and isinstance(part, nn.Linear)]
    assert factors == [f"layers.{i}.feed_forward.{m}.{f}" for i in (0, 1) for m in MATRICES for f in (0, 1)]


@pytest.mark.parametrize("ratio", [0, -0.1, 1.1, float("nan"), "0.5", True, None])
def test_a_ratio_outside_0_to_1_is_refused_by_its_key(ratio):
    with pytest.raises(PlanError, match=r"executor.rank_ratio=.* is refused; allowed: a number above 0, up to 1"):
        LowRank(ratio)


def test_a_model_without_feed_forward_matrices_is_refused_by_the_part_it_lacks():
    with pytest.raises(PlanError, match="a Linear cannot be factorised: it has no layers"):
        LowRank().prepare(nn.Linear(2, 2), batch())
    model = encoder()
    model.layers[3].feed_forward.fall = nn.Identity()
    with pytest.raises(PlanError, match=r"it has no layers\[3\].feed_forward.fall that is an nn.Linear"):
        LowRank().prepare(model, batch())
