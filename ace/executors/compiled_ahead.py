"""The unchanged model compiled ahead of time: what torch.compile makes, kept, so that a session only loads it.

AOTInductor (torch.export, then TorchInductor; Ansel et al. 2024, "PyTorch 2", and PyTorch's manual, "AOTInductor")
turns the forward pass into a shared library whose kernels are those of `compiler_fusion`, without the Python around
them. Every claim is held against the compiled model in every session; torch.compile costs a session seconds even when
it finds everything in its caches (imports, tracing, guards), a library that lies ready some hundredths of one.

The library is given the weights of the arm's own copy, which lie in memory as every other arm's do; the smallest ones
inductor writes into the code, so that another model's weights are another library.

It lies in `$ACE_CACHE_DIR/compiled`, else `~/.cache/ace/compiled`, under a digest of all that it depends on. What is
not there, or is damaged, or no longer computes what the model computes, is made in a process of its own that has ended
before anything is timed: the session that pays for it is afterwards like those that do not.
"""

import contextlib
import copy
import hashlib
import os
import pickle
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import KERNELS, Batch, Work
from ace.errors import MeasurementError

OPTIONS = {
    "aot_inductor.package": True,
    "aot_inductor.package_constants_in_so": False,
    "aot_inductor.package_constants_on_disk_format": "pickle_weights",  # named to us, so that none is missed
    "aot_inductor.precompile_headers": False,  # built once for many compilations; here each one starts from nothing
}
"""Of torch._inductor.config; everything else as torch.compile's default mode has it."""
LAYOUT = 1  # of an entry: raise it when what is kept, or how it is made, changes
TRACED_TOKENS = 32  # what a dynamic export is traced with, whatever the example: one library for all sessions
TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-4}
OTHER_TOLERANCE = 3e-2  # half precision; relative, of all outputs together
UNLIMITED = 2**31 - 1  # tokens
LEFTOVER_S = 3600.0  # after which what a killed compilation left is cleared away


class CompiledAhead:
    """`dynamic`: one library for all numbers of tokens that the model takes, instead of one for the example's."""

    def __init__(self, dynamic: bool = False):
        require(isinstance(dynamic, bool), "executor.dynamic", dynamic, "true, false")
        self.dynamic = dynamic

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        """The compiled copy, loaded, and seen to compute what the model computes.

        Raises MeasurementError when compilation fails, which is a failure of this arm and never a slow arm.
        """
        own = copy.deepcopy(model).eval().requires_grad_(False)
        ids, mask = example.ids.clone(), example.mask.clone()
        with torch.inference_mode():
            expected = own(ids, mask)
        traced = self._traced(ids), self._traced(mask)
        entry = _home() / _key(own, traced, self.dynamic)
        candidate = _loaded(own, entry, tuple(ids.shape))
        if candidate is None or not _agrees(candidate, ids, mask, expected):
            _make(own, traced, self.dynamic, entry)
            candidate = _loaded(own, entry, tuple(ids.shape))
        if candidate is None:
            raise MeasurementError(_failed(self.dynamic, f"what was compiled cannot be read back from {entry}"))
        if not _agrees(candidate, ids, mask, expected):
            raise MeasurementError(_failed(self.dynamic, "what was compiled does not compute what the model computes"))
        return candidate

    def declares(self, example: Batch) -> Work:  # noqa: ARG002
        """The compiler may choose another attention kernel."""
        return Work(changes=(KERNELS,))

    def _traced(self, given: Tensor) -> Tensor:
        """(batch, tokens) -> what is exported: the same shape, or (batch, TRACED_TOKENS) when that may vary."""
        if not self.dynamic:
            return given
        return given.repeat(1, -(-TRACED_TOKENS // given.shape[1]))[:, :TRACED_TOKENS].contiguous()


class Ahead(nn.Module):
    """A model and its library.  It has the model's parameters and no others.

    ids, mask: (batch, tokens) int64 -> (batch, hidden) float32. Its linear maps are not called, so that nothing can be
    counted at them.
    """

    def __init__(self, model: nn.Module, entry: Path, shape: tuple[int, ...]):
        super().__init__()
        facts = torch.load(entry / "facts.pt", weights_only=True)
        runner = torch._C._aoti.AOTIModelContainerRunnerCpu(str(next(entry.glob("*.so"))), 1)
        held = {name: tensor.detach() for name, tensor in _tensors(model)} | facts["constants"]
        wanted = runner.get_constant_names_to_original_fqns()
        self._held = {name: held[original] for name, original in wanted.items()}  # the library only points at them
        if self._held:
            runner.update_constant_buffer(self._held, False, True, True)
        self._run = runner.run
        self.model = model
        self.shape = shape
        self.limits: tuple[int, int] | None = facts["limits"]  # of tokens; None: for this shape alone

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        if ids.shape != self.shape or mask.shape != self.shape:
            self._require_shape(ids, mask)
        # the library believes what it was compiled for, strides too
        return self._run([ids.contiguous(), mask.contiguous()])[0]

    def _require_shape(self, ids: Tensor, mask: Tensor) -> None:
        batch, tokens = self.shape
        least, most = self.limits or (tokens, tokens)
        if ids.shape == mask.shape == (batch, ids.shape[-1]) and least <= ids.shape[-1] <= most:
            return
        compiled = f"{batch} x {least}..{most}" if self.limits else f"{batch} x {tokens}"
        given = " and ".join(" x ".join(str(n) for n in shape) for shape in dict.fromkeys((ids.shape, mask.shape)))
        advice = "the batch is fixed" if self.limits else "use executor.dynamic=true for inputs of several lengths"
        raise MeasurementError(f"compiled ahead for batch x tokens = {compiled}, given {given}; {advice}.")


def _loaded(model: nn.Module, entry: Path, shape: tuple[int, ...]) -> Ahead | None:
    """The module of a kept entry; None when there is none or it is not what was written."""
    try:
        if (entry / "sha256").read_text(encoding="ascii") != _digest_of_files(entry):
            return None
        return Ahead(model, entry, shape)
    except (OSError, UnicodeDecodeError):
        return None


def _agrees(candidate: Ahead, ids: Tensor, mask: Tensor, expected: object) -> bool:
    """Whether it computes what the model computes; a key may have missed something."""
    if not isinstance(expected, Tensor):
        raise MeasurementError(f"the model returned a {type(expected).__name__}; expected one tensor to compile for")
    with torch.inference_mode():
        output = candidate(ids, mask)
    if (output.shape, output.dtype) != (expected.shape, expected.dtype):
        return False
    error, size = (output.double() - expected.double()).norm(), expected.double().norm()
    return bool(error <= TOLERANCES.get(expected.dtype, OTHER_TOLERANCE) * size)  # NaN is no agreement


def _make(model: nn.Module, traced: tuple[Tensor, Tensor], dynamic: bool, entry: Path) -> None:
    """Compile in a fresh process and put the result in the place of whatever is there.  Raises MeasurementError.

    Two processes that find nothing both compile, and the later one takes what the earlier one has put there.
    """
    part = _part_folder(entry)
    try:
        with contextlib.suppress(OSError):
            entry.rename(part / "replaced")  # damaged or wrong; another process may have been quicker to say so
        torch.save((model, *traced, dynamic, _settings()), part / "order.pt")
        with (part / "log").open("wb") as log:
            ended = subprocess.run(
                [sys.executable, "-m", "ace.executors.compiled_ahead", str(part)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(part),
                check=False,
            )
        if not (part / "entry" / "sha256").exists():
            raise MeasurementError(_failed(dynamic, _last_words(part, ended.returncode)))
        with contextlib.suppress(OSError):  # another process has put its own there, which is as good
            (part / "entry").rename(entry)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _part_folder(entry: Path) -> Path:
    """A folder beside the entry, for one compilation; what killed ones left is cleared away."""
    home = entry.parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        for left in home.glob("*.part"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > LEFTOVER_S:
                    shutil.rmtree(left, ignore_errors=True)
        return Path(tempfile.mkdtemp(".part", entry.name[:16], home))
    except OSError as error:
        raise MeasurementError(
            f"{home} cannot be written ({error}); point ACE_CACHE_DIR to one that can be."
        ) from error


def _environment(part: Path) -> dict[str, str]:
    """This process's, with everything that a compiler leaves lying about inside the folder."""
    (part / "build").mkdir()
    path = [os.getcwd() if place == "" else place for place in sys.path]
    build = str(part / "build")
    fixed = {"TORCHINDUCTOR_CACHE_DIR": build, "TMPDIR": build, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    return {**os.environ, **fixed, "PYTHONPATH": os.pathsep.join(path)}


def _last_words(part: Path, code: int) -> str:
    try:
        return (part / "error").read_text(encoding="utf-8")
    except OSError:  # it died
        words = (part / "log").read_bytes()[-400:].decode(errors="replace")
        return f"the compiling process ended with code {code} and no result: {words}"


def _failed(dynamic: bool, why: str) -> str:
    return (
        f"compilation ahead of time failed with executor.dynamic={str(dynamic).lower()}: {' '.join(why.split())[:600]} "
        "-- nothing was timed. A graph that depends on the data cannot be exported: "
        "ace.executors.compiler_fusion with fullgraph=false compiles the parts; a missing C++ compiler: install g++."
    )


def _compile(part: Path) -> None:
    """The other process's half: from order.pt to entry/, or to the file `error`."""
    import torch._inductor
    import torch.export

    model, ids, mask, dynamic, settings = torch.load(part / "order.pt", weights_only=False)
    threads, precision, *_ = settings
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)
    if _settings() != settings:
        raise MeasurementError(f"torch's settings are {settings} there and {_settings()} in a fresh process")
    tokens = {1: torch.export.Dim.DYNAMIC} if dynamic else None
    exported = torch.export.export(model, (ids, mask), dynamic_shapes=(tokens, tokens))
    graph = exported.module(check_guards=False)  # a call's shape is looked at before the library is called
    entry = part / "entry"
    entry.mkdir()
    model_has = {name for name, _ in _tensors(model)}
    constants: dict[str, Tensor] = {}
    files: Any = torch._inductor.aot_compile(graph, (ids, mask), options=dict(OPTIONS))
    for made in files:
        if not isinstance(made, str):
            constants |= {name: tensor.detach().clone() for name, (tensor, _) in made.items() if name not in model_has}
        elif not made.endswith(".cpp"):
            shutil.copy(made, entry)
    limits = [_limits(allowed) for allowed in exported.range_constraints.values()]
    torch.save({"constants": constants, "limits": limits[0] if limits else None}, entry / "facts.pt")
    (entry / "sha256").write_text(_digest_of_files(entry), encoding="ascii")


def _limits(allowed: Any) -> tuple[int, int]:
    """Fewest and most tokens, of torch's ValueRanges."""
    return int(allowed.lower), int(min(allowed.upper, UNLIMITED))


def main(folder: str) -> None:
    """Compile what lies in `folder`; whatever is raised is the answer, as the model has just run on these inputs."""
    part = Path(folder)
    try:
        _compile(part)
    except Exception as error:
        (part / "error").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")


def _home() -> Path:
    return Path(os.environ.get("ACE_CACHE_DIR") or Path.home() / ".cache" / "ace") / "compiled"


def _key(model: nn.Module, traced: tuple[Tensor, Tensor], dynamic: bool) -> str:
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
        _settings(),
        _compiler(),
        sorted((name, value) for name, value in os.environ.items() if _steers_the_compiler(name)),
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


def _settings() -> tuple[int, str, bool, bool, bool, bool, str]:
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
    found = shutil.which(os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++"))
    if found is None:
        return None
    about = Path(found).resolve().stat()
    return (found, about.st_size, about.st_mtime_ns)


def _steers_the_compiler(variable: str) -> bool:
    """Inductor's own switches, without where it keeps things and how many helpers it has, which are fixed here."""
    elsewhere = ("TORCHINDUCTOR_CACHE_DIR", "TORCHINDUCTOR_COMPILE_THREADS")
    return variable.startswith(("TORCH", "AOT", "CXX")) and variable not in elsewhere


def _tensors(model: nn.Module) -> Iterable[tuple[str, Tensor]]:
    """Parameters and buffers by every name that they have."""
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _digest_of_files(entry: Path) -> str:
    state = hashlib.sha256()
    for file in sorted(entry.iterdir()):
        if file.name != "sha256":
            content = file.read_bytes()
            state.update(f"{file.name} {len(content)} ".encode())
            state.update(content)
    return state.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1])
