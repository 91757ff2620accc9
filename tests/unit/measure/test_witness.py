"""What the witness sees in an untimed call: tokens, FLOPs by number type, and the bytes that cannot be spared."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ace.domain.workload import Batch
from ace.executors.int8_quantization import Int8Quantization
from ace.measure.arms import state_digest
from ace.measure.witness import dispatched, tokens_per_layer, witness
from tests.unit.executors import tiny

TOKENS, EXAMPLES, HIDDEN, DEPTH = 20, 3, 32, 6
ROWS = TOKENS * EXAMPLES
LINEAR_FLOPS = DEPTH * 2 * ROWS * 12 * HIDDEN * HIDDEN
ATTENTION_FLOPS = DEPTH * 2 * 2 * ROWS * TOKENS * HIDDEN


class Halved(nn.Module):
    """Every second token."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.inner = model

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.inner(ids[:, ::2], mask[:, ::2])  # type: ignore[no-any-return]


class Calls(nn.Module):
    """A function of the inputs as float32, (examples, tokens) -> (examples, anything)."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.function(ids.float())


def test_the_tokens_are_those_that_linear_maps_really_get() -> None:
    model, batch = tiny.encoder(), tiny.batch()
    assert tokens_per_layer(model, batch) == (20,) * 6
    seen, kernels = witness("candidate", Halved(model), batch)
    assert seen.tokens_per_layer == (10,) * 6
    assert seen.flops is not None
    assert seen.flops < 0.6 * (dispatched(model, batch).flops or 0)
    assert kernels


def test_the_flops_are_those_of_linear_maps_and_attention_in_their_number_type() -> None:
    seen, _ = witness("baseline", tiny.encoder(), tiny.batch())
    assert seen.flops_by_dtype == (("float32", LINEAR_FLOPS + ATTENTION_FLOPS),)
    half, _ = witness("candidate", tiny.encoder().bfloat16(), tiny.batch())
    assert half.flops_by_dtype == (("bfloat16", LINEAR_FLOPS + ATTENTION_FLOPS),)


def test_causal_attention_counts_the_half_that_it_must_look_at() -> None:
    def attend(x: Tensor, causal: bool) -> Tensor:
        q = x.view(EXAMPLES, 1, 4, 5)
        return nn.functional.scaled_dot_product_attention(q, q, q, is_causal=causal).flatten(1)

    whole = dispatched(Calls(lambda x: attend(x, False)), tiny.batch()).flops
    assert whole == 2 * 2 * EXAMPLES * 4 * 4 * 5
    assert dispatched(Calls(lambda x: attend(x, True)), tiny.batch()).flops == whole // 2


@pytest.mark.parametrize("path", ["torch.ao", "torchao"])
def test_products_in_int8_are_counted_and_called_by_their_name(path: str) -> None:
    if path == "torchao":
        pytest.importorskip("torchao")
    quantised = Int8Quantization(path).prepare(tiny.encoder(), tiny.batch())
    seen, _ = witness("candidate", quantised, tiny.batch())
    assert seen.flops_by_dtype == (("float32", ATTENTION_FLOPS), ("int8", LINEAR_FLOPS))
    dense, _ = witness("baseline", tiny.encoder(), tiny.batch())
    weights = DEPTH * 12 * HIDDEN * HIDDEN
    assert seen.least_bytes is not None
    assert dense.least_bytes is not None
    assert weights < seen.least_bytes < dense.least_bytes - 2.5 * weights  # one byte for what were four, and scales


def test_float32_that_torch_multiplies_in_less_is_not_called_float32() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        seen, _ = witness("candidate", tiny.encoder(), tiny.batch())
    finally:
        torch.set_float32_matmul_precision(before)
    assert [dtype for dtype, _ in seen.flops_by_dtype or ()] == ["bfloat16"]


def test_the_least_bytes_are_weights_rows_inputs_and_output_once_each() -> None:
    model, batch = tiny.encoder(), tiny.batch()
    seen, _ = witness("baseline", model, batch)
    dense = sum(p.nbytes for name, p in model.named_parameters() if ".norm." in f".{name}" or name.startswith("layers"))
    words, positions = batch.ids.unique().numel() * HIDDEN * 4, TOKENS * HIDDEN * 4
    inputs, output = 2 * ROWS * 8, EXAMPLES * HIDDEN * 4
    assert seen.least_bytes == dense + words + positions + inputs + output


def test_a_weight_used_twice_is_read_once() -> None:
    weight = torch.ones(TOKENS, TOKENS)
    once = dispatched(Calls(lambda x: x @ weight), tiny.batch())
    twice = dispatched(Calls(lambda x: x @ weight @ weight.t()), tiny.batch())
    assert once.least_bytes == twice.least_bytes
    assert twice.flops == 2 * (once.flops or 0)


def test_of_a_table_only_the_part_that_is_used_must_be_read() -> None:
    table = torch.ones(1000, TOKENS)
    part = dispatched(Calls(lambda x: x + table[:EXAMPLES]), tiny.batch())
    assert part.least_bytes == ROWS * 8 + ROWS * 4 + ROWS * 4  # ids, rows of the table, output; the mask is not touched
    looked_up = dispatched(Calls(lambda x: x + table[torch.tensor([5, 6, 7])]), tiny.batch())
    assert looked_up.least_bytes is not None
    assert looked_up.least_bytes < table.nbytes


def sparse(x: Tensor) -> Tensor:
    return (torch.eye(TOKENS).to_sparse() @ x.t()).t()


def vector(x: Tensor) -> Tensor:
    return torch.mv(x, torch.ones(TOKENS))[:, None]


@torch.library.custom_op("ace_tests::hidden", mutates_args=())
def hidden(x: Tensor) -> Tensor:
    return x @ torch.ones(TOKENS, TOKENS)


@pytest.mark.parametrize("opaque", [sparse, vector, hidden])
def test_work_without_a_formula_leaves_the_flops_unknown_and_not_small(opaque: Callable[[Tensor], Tensor]) -> None:
    seen, _ = witness("candidate", Calls(lambda x: opaque(x @ torch.ones(TOKENS, TOKENS))), tiny.batch())
    assert seen.flops is None
    assert seen.flops_by_dtype is None
    assert seen.least_bytes is not None


def test_names_that_only_look_like_products_hide_nothing() -> None:
    def harmless(x: Tensor) -> Tensor:
        return torch.lgamma(x.abs() + 1) + torch.hamming_window(TOKENS) + x.cummax(1).values

    assert dispatched(Calls(harmless), tiny.batch()).flops == 0


def test_linear_maps_of_onednn_are_counted() -> None:
    weight = torch.ones(4, TOKENS).to_mkldnn()
    seen = dispatched(Calls(lambda x: torch.ops.aten.mkldnn_linear(x.to_mkldnn(), weight).to_dense()), tiny.batch())
    assert seen.flops_by_dtype == (("float32", 2 * EXAMPLES * TOKENS * 4),)


class Carrier(Tensor):
    """Carries int8 weights and looks like float32: what arrives at the kernels is what counts."""

    @staticmethod
    def __new__(cls, weights: Tensor) -> "Carrier":
        return Tensor._make_wrapper_subclass(cls, weights.shape, dtype=torch.float32)  # type: ignore[attr-defined,no-any-return]

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        x, carried = args[0], args[1].weights
        return torch._int_mm(x.to(torch.int8), carried.t()).float()


def test_a_tensor_that_carries_another_is_counted_by_what_it_carries() -> None:
    weights = Carrier(torch.ones(8, TOKENS, dtype=torch.int8))
    seen = dispatched(Calls(lambda x: nn.functional.linear(x, weights)), tiny.batch())
    assert seen.flops_by_dtype == (("int8", 2 * EXAMPLES * TOKENS * 8),)


def test_a_module_that_refuses_to_be_followed_is_unknown_in_all_its_parts() -> None:
    def refuse(x: Tensor) -> Tensor:
        raise NotImplementedError("no rule for this mode")

    assert dispatched(Calls(refuse), tiny.batch()) == (None, (), None, None, None)


def test_the_witness_leaves_no_hook_behind() -> None:
    model = tiny.encoder()
    before = state_digest(model)
    witness("baseline", model, Batch(*map(copy.copy, (tiny.batch().ids, tiny.batch().mask))))
    assert state_digest(model) == before
