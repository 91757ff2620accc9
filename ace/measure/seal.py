"""What a session rests on, looked at before the executor's code is loaded and again after the timed rounds.

Called by `worker` and `session`. Functions are compared by identity and by their code: measurement's own and the
clocks, and those that the baseline runs through: the well-known ones of torch, and all of the modules that models are
made of. Settings are those of the process that decide
what the same call costs in every arm.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import torch
from torch.nn.modules import module as torch_module

from ace.models import encoder, vision

MEASURING = (
    "time.perf_counter",
    "time.process_time",
    "time.monotonic",
    "time.time",
    "time.sleep",
    "ace.measure.timing.CPU_CLOCKS",
    "ace.measure.timing.time_calls",
    "ace.measure.timing._time_flushed",
    "ace.measure.board.Events.start",
    "ace.measure.board.Events.stop",
    "ace.measure.board.Events.seconds",
    "ace.measure.timing.nothing",
    "ace.measure.session.run_session",
    "ace.measure.energy.Kept.offer",
    "ace.measure.energy.Measured.recheck",
    "ace.measure.bench.Bench.run",
    "ace.measure.bench.Bench._time_arm",
    "ace.measure.bench.Run.recheck",
    "ace.measure.outputs.require_embedding",
    "ace.measure.outputs.relative_error",
    "ace.measure.arms.state_digest",
    "ace.measure.board.counting_replays",
    "ace.measure.board.peak_bytes",
    "ace.measure.witness.witness",
    "ace.measure.witness.dispatched",
    "ace.measure.probing.predict",
    "ace.measure.probing.Prober.visit",
    "ace.measure.perturbing.replaced",
    "torch.equal",
    "torch.isfinite",
    "torch.get_num_threads",
    "torch.Tensor.clone",
)
"""What the numbers of a session come from."""
TORCH = (
    *(f"torch.{name}" for name in ("matmul", "bmm", "mm", "addmm", "baddbmm", "softmax", "cat", "einsum", "conv2d")),
    *(f"torch.set_{name}" for name in ("num_threads", "float32_matmul_precision", "default_dtype")),
    *(f"torch.Tensor.{name}" for name in ("matmul", "__matmul__", "softmax", "view", "transpose", "add", "mul")),
    *(
        f"torch.nn.functional.{name}"
        for name in (
            "linear",
            "scaled_dot_product_attention",
            "gelu",
            "relu",
            "softmax",
            "layer_norm",
            "embedding",
            "normalize",
            "dropout",
            "conv2d",
        )
    ),
    *(f"torch.nn.{name}.forward" for name in ("Linear", "LayerNorm", "Embedding", "Conv2d", "Dropout", "GELU")),
    *(f"torch.nn.Module.{name}" for name in ("__call__", "_call_impl", "__getattr__", "forward")),
)
"""What a baseline runs through in torch."""
MODELS = (encoder, vision)
"""Whose functions and methods are sealed; those that the transformers package defines are not."""


@dataclass(frozen=True, slots=True, eq=False)
class Seal:
    """`functions`: each with its code, None where it has none. `state`: settings by name."""

    functions: dict[str, tuple[object, object]]
    state: dict[str, str]

    @property
    def through(self) -> tuple[str, ...]:
        """What the baseline runs through."""
        return tuple(name for name in self.functions if name not in MEASURING)


def seal() -> Seal:
    """As things stand now."""
    return Seal({name: _with_code(name) for name in (*MEASURING, *TORCH, *_of_models())}, settings())


def _of_models() -> Iterator[str]:
    """Every function and every method of the modules that models are made of."""
    for home in MODELS:
        for name, found in vars(home).items():
            if getattr(found, "__module__", None) != home.__name__:
                continue  # defined elsewhere, and only known here
            if isinstance(found, FunctionType):
                yield f"{home.__name__}.{name}"
            elif isinstance(found, type):
                parts = vars(found).items()
                yield from (f"{home.__name__}.{name}.{key}" for key, part in parts if isinstance(part, FunctionType))


def replaced(before: Seal, names: Iterable[str]) -> tuple[str, ...]:
    """Which of these functions are others than before, or have other code."""
    return tuple(name for name in names if not _same(before.functions[name], _with_code(name)))


def state_changed(before: Seal) -> tuple[str, ...]:
    """Settings that differ from before: `torch.get_num_threads(): 1 -> 4`."""
    now = settings()
    return tuple(f"{name}: {before.state[name]} -> {now[name]}" for name in now if now[name] != before.state[name])


def settings() -> dict[str, str]:
    """Global settings that decide what a call costs, by name."""
    backends: Any = torch.backends
    values = {
        "default dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "interop threads": torch.get_num_interop_threads(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "float32 matmul precision": torch.get_float32_matmul_precision(),
        "mkldnn enabled": backends.mkldnn.enabled,
        "mkldnn matmul precision": getattr(getattr(backends.mkldnn, "matmul", None), "fp32_precision", None),
        "flash attention": backends.cuda.flash_sdp_enabled(),
        "memory-efficient attention": backends.cuda.mem_efficient_sdp_enabled(),
        "mathematical attention": backends.cuda.math_sdp_enabled(),
        "cudnn benchmark": backends.cudnn.benchmark,
        "autocast on the CPU": torch.is_autocast_enabled("cpu"),
        "grad mode": torch.is_grad_enabled(),
        "anomaly detection": torch.is_anomaly_enabled(),
        "denormals flushed": not bool(torch.tensor([1e-40]) * 1.0),
        "hooks on all modules": sum(
            len(getattr(torch_module, name))
            for name in ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")
        ),
        "trace function": sys.gettrace(),
        "profile function": sys.getprofile(),
        "switch interval": sys.getswitchinterval(),
    }
    return {name: str(value) for name, value in values.items()}


def _with_code(name: str) -> tuple[object, object]:
    """The object of this dotted name and its code; both None where it is not (no longer) there."""
    parts = name.split(".")
    depth = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in sys.modules), 0)
    if not depth:
        return None, None
    found: object = sys.modules[".".join(parts[:depth])]
    for key in parts[depth:]:
        found = getattr(found, key, None)
    return found, getattr(found, "__code__", None)


def _same(one: tuple[object, object], two: tuple[object, object]) -> bool:
    return one[0] is two[0] and one[1] is two[1]
