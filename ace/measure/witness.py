"""Proof of work done: what measurement's own hooks see in an untimed call.

The skeptic compares it with what an executor declares (masking is not dropping) and with what the machine can do in the
time (roofline). Two independent looks: forward hooks on the linear maps (tokens per layer) and a count at dispatch
(FLOPs, bytes, attention kernels), never the executor's word. Whatever the count at dispatch does not know makes it
smaller or None, never larger: nobody is accused of work that was not seen.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from ace.domain.session import Witness
from ace.domain.workload import Batch

LAYER = re.compile(r"(?:^|\.)(?:layers?|blocks?|h)\.(\d+)\.")  # as encoders, BERT, ViT and GPT call them
FLOAT32, BFLOAT16, INT8 = "float32", "bfloat16", "int8"
LINEAR = {
    "aten.mkldnn_linear": None,
    "aten._int_mm": INT8,
    "quantized.linear_dynamic": INT8,
    "quantized.linear_relu_dynamic": INT8,
}
"""(..., k) times (k, n) by operators that torch has no formula for, and the type they multiply in (None: their own)."""
TELLING = ("aten", "prims", "profiler")  # whatever else an operator belongs to, it may do any work inside
MULTIPLYING = re.compile(r"(?<![au])mm(?!_window)|matmul|mv(?!l)|dot|linear(?!\d)|conv(?!ert)|rnn|lstm|gru|attention")
"""In the name of an operator: it does work that counts.  Not gamma, cummax, mvlgamma, upsample_linear1d, convert."""
SPARSE = (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)
LOOKUPS = ("aten.index", "aten.index_select", "aten.gather", "aten.take", "aten._embedding_bag_forward_only")


def tokens_per_layer(module: nn.Module, batch: Batch) -> tuple[int, ...] | None:
    """Fewest tokens of one example that any linear map of layer i is given; None where no such layer was seen.

    Layers are found by name (`...layers.<i>...` and the like), linear maps by the name of their class, which quantised
    ones share. A linear map sees (batch, tokens, width); its tokens are all leading elements over the batch.
    """
    examples = batch.ids.shape[0]
    seen: dict[int, int] = {}

    def look(layer: int) -> Any:
        def hook(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            if not (inputs and isinstance(inputs[0], Tensor) and inputs[0].dim() > 1):
                return
            tokens = inputs[0].shape[:-1].numel() // examples
            seen[layer] = min(tokens, seen.get(layer, tokens))

        return hook

    handles = [
        part.register_forward_pre_hook(look(int(found.group(1))))
        for name, part in module.named_modules()
        if "Linear" in type(part).__name__ and (found := LAYER.search(name))
    ]
    try:
        with torch.inference_mode():
            module(batch.ids.clone(), batch.mask.clone())
    finally:
        for handle in handles:
            handle.remove()
    return tuple(seen[layer] for layer in sorted(seen)) or None


class _Dispatched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what really reaches the kernels: FLOPs by torch's own formulas and in which number type, the attention
    kernels' names, and the bytes of whatever lay in memory before the call and must be read."""

    def __init__(self, tokens: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tokens = tokens  # of the whole batch
        self.linear: Counter[bool] = Counter()  # FLOPs of linear maps over all tokens, and over fewer
        self.flops: Counter[str] = Counter()
        self.uncounted: set[str] = set()
        self.attention: set[str] = set()
        self.read: dict[int, int] = {}  # by address of the storage: the most that one operator needs of it
        self.packed: dict[int, int] = {}
        self.made: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # the default would import all of torch._dynamo: two seconds of every session

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if any(kind not in (Tensor, nn.Parameter) for kind in types):
            return NotImplemented  # a tensor that carries another: its own parts come by here, and they do the work
        if func._overloadpacket not in flop_registry and func._can_decompose():
            with self:  # a composite such as linear is counted by what it is made of
                parts = func.decompose(*args, **given)
            if parts is not NotImplemented:
                return parts
        output = func(*args, **given)
        self._count(func, args, given, output)
        self._follow(str(func._overloadpacket), args, given, output)
        return output

    def _count(self, func: Any, args: Any, given: Any, output: Any) -> None:
        name = str(func._overloadpacket)
        formula, own = flop_registry.get(func._overloadpacket), None
        if "scaled_dot_product" in name:
            self.attention.add(str(func).removeprefix("aten."))
            formula = formula or _attention_flops  # the CPU kernel has none of its own in torch
        elif name in LINEAR:
            formula, own = _linear_flops, LINEAR[name]
        elif formula is None:
            if func.namespace not in TELLING or MULTIPLYING.search(name.removeprefix("aten.")):
                self.uncounted.add(name)
            return
        operands = list(_tensors(args))
        if any(operand.layout in SPARSE for operand in operands):
            self.uncounted.add(name)  # the formulas are those of dense work
            return
        work = int(formula(*args, **given, out_val=output))
        self.flops[own or _multiplied_in(operands[0])] += work
        if (rows := _rows(name, args)) is not None:
            self.linear[rows >= self.tokens] += work

    def _follow(self, name: str, args: Any, given: Any, output: Any) -> None:
        written = {_address(tensor) for tensor in _tensors(output)}
        for value in tree_leaves((args, given)):
            if isinstance(value, torch.ScriptObject):  # weights packed for int8
                self.packed[hash(value)] = _packed_bytes(value)
        for tensor in _tensors((args, given)):
            address = _address(tensor)
            if address and address not in self.made:
                needed = 0 if address in written or name in LOOKUPS else _bytes(tensor)  # a view reads nothing
                if name == "aten.embedding" and tensor is args[0]:
                    needed = args[1].unique().numel() * _bytes(tensor[0])
                self.read[address] = max(needed, self.read.get(address, 0))
        self.made |= written - self.read.keys()


def _rows(name: str, args: Any) -> int | None:
    """Over how many rows a linear map goes, None for other products: (..., k) times (k, n) has all but the last."""
    if name in LINEAR or name in ("aten.mm", "aten._int_mm"):
        rows = args[0]
    elif name == "aten.addmm":
        rows = args[1]
    else:
        return None
    return int(rows.shape[:-1].numel())


def _tensors(values: Any) -> Iterator[Tensor]:
    return (value for value in tree_leaves(values) if isinstance(value, Tensor))


def _address(tensor: Tensor) -> int:
    """Of its memory; 0 where it has none that can be told."""
    return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided else 0


def _bytes(tensor: Tensor) -> int:
    """What reading all of it takes; a dimension that was only expanded is read once."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def _packed_bytes(packed: Any) -> int:
    """Of weights that an engine keeps in an order of its own, as it hands them out on request; 0 where it does not."""
    unpack: Callable[[], Any] | None = getattr(packed, "unpack", None)
    return sum(map(_bytes, _tensors(unpack()))) if unpack else 0


def _linear_flops(x: Tensor, *_: Any, out_val: Tensor, **__: Any) -> int:
    """x: (..., k), out_val: (..., n)."""
    return 2 * x.numel() * out_val.shape[-1]


def _attention_flops(q: Tensor, k: Tensor, v: Tensor, *options: Any, **given: Any) -> int:
    """q, k, v: (batch, heads, tokens, head_dim).  Causal: the half that the kernel need not look at does not count."""
    flops = int(sdpa_flop_count(q.shape, k.shape, v.shape))  # type: ignore[no-untyped-call]
    causal = given.get("is_causal", options[1] if len(options) > 1 else False)  # after the share of dropout
    return flops // 2 if causal else flops


def _multiplied_in(operand: Tensor) -> str:
    """The number type of the products: that of the tensor, but where torch was told to multiply float32 in less."""
    own = str(operand.dtype).removeprefix("torch.")
    return BFLOAT16 if own == FLOAT32 and _narrowed() else own


def _narrowed() -> bool:
    setting = getattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision", None)  # torch >= 2.9
    return torch.get_float32_matmul_precision() != "highest" if setting is None else setting in ("bf16", "tf32")


class Seen(NamedTuple):
    """Work of one call: FLOPs in all number types and in each, attention kernels, least bytes; None: not known."""

    flops: int | None
    attention: tuple[str, ...]
    flops_by_dtype: tuple[tuple[str, int], ...] | None
    least_bytes: int | None
    full_token_share: float | None


def dispatched(module: nn.Module, batch: Batch) -> Seen:
    """What reaches the kernels in one call, made just as timed ones are."""
    count, ids, mask = _Dispatched(batch.ids.numel()), batch.ids.clone(), batch.mask.clone()
    try:
        with torch.inference_mode(), count:
            output: Tensor = module(ids, mask)
    except (RuntimeError, NotImplementedError, AssertionError, TypeError):
        # compiled modules and some tensors that carry others refuse foreign dispatch modes; timing is not touched by it
        return Seen(None, (), None, None, None)
    known, linear = not count.uncounted, count.linear.total()
    return Seen(
        flops=sum(count.flops.values()) if known else None,
        attention=tuple(sorted(count.attention)),
        flops_by_dtype=tuple(sorted(count.flops.items())) if known else None,
        least_bytes=sum(count.read.values()) + sum(count.packed.values()) + _bytes(output),
        full_token_share=count.linear[True] / linear if known and linear else None,
    )


def witness(arm: str, module: nn.Module, batch: Batch) -> tuple[Witness, tuple[str, ...]]:
    """Work seen in two untimed calls and the attention kernels (for parity)."""
    seen = dispatched(module, batch)
    tokens = tokens_per_layer(module, batch)
    return Witness(arm, tokens, seen.flops_by_dtype, seen.least_bytes, seen.full_token_share), seen.attention
