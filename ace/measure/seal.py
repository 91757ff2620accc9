"""What a session rests on, looked at before the executor's code is loaded and again after the timed rounds.

Called by `worker` and `session`. Functions are compared by identity and by their code: measurement's own and the
clocks, and those that the baseline runs through: torch's, and all of the modules that models are made of. Settings are
those of the process that decide what the same call costs in every arm, and what may run beside it or within it.
"""

import gc
import signal
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch.nn.modules import module as torch_module

from ace.executors import compiled_ahead
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
SPACES = {"torch": torch, "torch.nn.functional": torch.nn.functional, "torch.Tensor": torch.Tensor}
"""Everything that can be called in them is sealed, and so is every method of the modules of torch.nn: a baseline runs
through some of it, and whoever sealed a part would only say which part to replace."""
IN_NO_CALL = ("__init__", "__setstate__", "manual_seed")
"""What no forward pass runs through and torch.compile replaces by its own."""
MODELS = (encoder, vision, compiled_ahead)
"""Whose functions and methods are sealed, beside those of the rival that every claim is held against; those that the
transformers package defines are not."""


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
    return Seal({name: _with_code(name) for name in (*MEASURING, *_of_torch(), *_of_models())}, settings())


def _of_torch() -> Iterator[str]:
    """Everything of torch that can be called and is one object whenever it is asked for, as no bound method is."""
    for place, home in SPACES.items():
        for name in dir(home):
            found = getattr(home, name, None)
            if callable(found) and found is getattr(home, name) and name not in IN_NO_CALL:
                yield f"{place}.{name}"
    for name, found in vars(torch.nn).items():
        if isinstance(found, type):
            yield from (f"torch.nn.{name}.{key}" for key in _methods(found) if key not in IN_NO_CALL)


def _of_models() -> Iterator[str]:
    """Every function and every method of the modules that models are made of, and what they have a name for."""
    for home in MODELS:
        for name, found in vars(home).items():
            if not name.startswith("__") and (callable(found) or isinstance(found, ModuleType)):
                yield f"{home.__name__}.{name}"
            if isinstance(found, type) and found.__module__ == home.__name__:
                yield from (f"{home.__name__}.{name}.{key}" for key in _methods(found))


def _methods(kind: type) -> Iterator[str]:
    """Names of those that a class defines itself."""
    return (key for key, part in vars(kind).items() if isinstance(part, FunctionType))


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
        "collection thresholds": gc.get_threshold(),
        "called at collections": gc.callbacks,
        "torch function modes": torch._C._len_torch_function_stack(),
        "torch dispatch modes": torch._C._len_torch_dispatch_stack(),
        "signal handlers": _handlers(),
        "timers": [_timer(kind) for kind in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)],
        "tools that watch the interpreter": _watching(),
    }
    return {name: str(value) for name, value in values.items()}


def _handlers() -> list[tuple[int, object]]:
    """What is done at a signal, where that is not what the system does."""
    found = ((int(number), signal.getsignal(number)) for number in sorted(signal.valid_signals()))
    return [(number, handler) for number, handler in found if handler is not signal.SIG_DFL]


def _timer(kind: int) -> tuple[bool, float]:
    """Whether a signal is to come, and the seconds from one to the next."""
    left_s, interval_s = signal.getitimer(kind)
    return left_s > 0, interval_s


def _watching() -> list[str | None]:
    """Tools registered with sys.monitoring, which came with Python 3.12."""
    monitoring = getattr(sys, "monitoring", None)
    return [] if monitoring is None else [monitoring.get_tool(number) for number in range(6)]


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
