"""What a library that was compiled ahead depends on, as a digest: the name that it is kept under.

Serves `compiled_ahead`. Whatever may change the code or what it computes is in it: the model (its code, structure and
weights), the inputs' form, torch, its settings, the processor, the compiler.
"""

import contextlib
import hashlib
import os
import pickle
import platform
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ace.errors import MeasurementError

OPTIONS = {
    "aot_inductor.package": True,
    "aot_inductor.package_constants_in_so": False,
    "aot_inductor.package_constants_on_disk_format": "pickle_weights",  # named to us, so that none is missed
    "aot_inductor.precompile_headers": False,  # built once for many compilations; here each one starts from nothing
}
"""Of torch._inductor.config; everything else as torch.compile's default mode has it."""
LAYOUT = 1  # of an entry: raise it when what is kept, or how it is made, changes


def key_of(model: nn.Module, traced: tuple[Tensor, Tensor], dynamic: bool) -> str:
    """Digest of the model (code, structure, weights), the inputs' form, torch, the machine and the compiler."""
    naming = _Naming()
    naming.dump(model)
    surroundings = (
        LAYOUT,
        sorted(OPTIONS.items()),
        dynamic,
        [(tuple(given.shape), given.stride(), str(given.dtype)) for given in traced],
        (torch.__version__, torch.version.git_version, platform.python_version()),
        (platform.machine(), torch.backends.cpu.get_cpu_capability(), _processor()),
        settings_here(),
        _compiler(),
        sorted((name, value) for name, value in started_with().items() if _steers_the_compiler(name)),
    )
    state = hashlib.sha256(repr(surroundings).encode())
    state.update(naming.stream.digest())
    state.update(_digest_of_code(naming.homes))
    return state.hexdigest()


class _Hashed:
    """A file to write to, of which only the digest is kept."""

    def __init__(self) -> None:
        self.state = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.state.update(data)
        return len(data)

    def digest(self) -> bytes:
        return self.state.digest()


class _Naming(pickle.Pickler):
    """Pickles a model into a digest: every setting, and each tensor by its content; notes where classes come from."""

    def __init__(self) -> None:
        self.stream = _Hashed()
        self.homes: set[str] = set()
        super().__init__(self.stream, protocol=5)

    def dump(self, obj: Any) -> None:
        try:
            super().dump(obj)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise MeasurementError(
                f"the model cannot be compiled ahead of time, as no other process could know it again ({error}); "
                "define its classes and functions in a module, or use ace.executors.compiler_fusion."
            ) from error

    def persistent_id(self, obj: Any) -> Any:
        kind = obj if isinstance(obj, type) else type(obj)
        self.homes.update(base.__module__ for base in kind.__mro__)
        if isinstance(obj, FunctionType):
            self.homes.add(obj.__module__)
        if isinstance(obj, set | frozenset):
            return sorted(map(repr, obj))  # their order is another one in every process
        if not isinstance(obj, Tensor):
            return None
        content = obj.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data
        return (str(obj.dtype), tuple(obj.shape), obj.stride(), hashlib.sha256(content).hexdigest())


def _digest_of_code(homes: Iterable[str]) -> bytes:
    """Digest of the source files of these modules and of all that they refer to; torch and Python have versions."""
    seen: set[str] = set()
    waiting = list(homes)
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        if name in seen or module is None or name.partition(".")[0] in {"torch", *sys.stdlib_module_names}:
            continue
        seen.add(name)
        for value in list(vars(module).values()):
            home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            waiting += [home] if isinstance(home, str) else []
    state = hashlib.sha256()
    for name in sorted(seen):
        state.update(name.encode())
        with contextlib.suppress(OSError):
            state.update(Path(getattr(sys.modules[name], "__file__", None) or "").read_bytes())
    return state.digest()


def settings_here() -> tuple[int, str, bool, bool, bool, bool, str]:
    """Of torch, in this process: those that a graph or its kernels are made for."""
    return (
        torch.get_num_threads(),
        torch.get_float32_matmul_precision(),
        bool(torch.backends.mkldnn.enabled),
        bool(torch.backends.cuda.flash_sdp_enabled()),  # type: ignore[no-untyped-call]  # on the CPU as well
        bool(torch.backends.cuda.math_sdp_enabled()),  # type: ignore[no-untyped-call]
        torch.are_deterministic_algorithms_enabled(),
        str(torch.get_default_dtype()),
    )


def _processor() -> tuple[str, ...]:
    """Model and features of the first processor: kernels are built for the machine they are built on."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return (platform.processor(),)
    return tuple(line for line in first.splitlines() if line.startswith(("model", "flags", "Features", "CPU ")))


def _compiler() -> tuple[str, int, int] | None:
    """The C++ compiler that inductor will take: path, bytes, time of change; None where there is none."""
    found = shutil.which(started_with().get("CXX") or ("clang++" if sys.platform == "darwin" else "g++"))
    if found is None:
        return None
    about = Path(found).resolve().stat()
    return (found, about.st_size, about.st_mtime_ns)


def started_with() -> dict[str, str]:
    """The environment as this process was given it: what a candidate has set since must not reach the compiler.

    Of Linux (proc(5)); elsewhere the present one.
    """
    try:
        raw = Path("/proc/self/environ").read_bytes()
    except OSError:
        return dict(os.environ)
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def _steers_the_compiler(variable: str) -> bool:
    """Inductor's own switches, without where it keeps things and how many helpers it has, which are fixed here."""
    elsewhere = ("TORCHINDUCTOR_CACHE_DIR", "TORCHINDUCTOR_COMPILE_THREADS")
    return variable.startswith(("TORCH", "AOT", "ATEN", "CXX", "DNNL", "ONEDNN", "MKL")) and variable not in elsewhere
