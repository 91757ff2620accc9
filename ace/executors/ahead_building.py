"""A library compiled ahead, made in a process of its own and kept: what `compiled_ahead` loads.

`make` is called by the arm; the other process is `python -m ace.executors.ahead_building FOLDER`, which has ended
before anything is timed.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ace.errors import MeasurementError
from ace.executors.ahead_keys import OPTIONS, settings_here, started_with

UNLIMITED = 2**31 - 1  # tokens
LEFTOVER_S = 3600.0  # after which what a killed compilation left is cleared away


def make(model: nn.Module, traced: tuple[Tensor, Tensor], dynamic: bool, entry: Path) -> None:
    """Compile in a fresh process and put the result in the place of whatever is there.  Raises MeasurementError.

    Two processes that find nothing both compile, and the later one takes what the earlier one has put there.
    """
    part = _part_folder(entry)
    try:
        with contextlib.suppress(OSError):
            entry.rename(part / "replaced")  # damaged or wrong; another process may have been quicker to say so
        torch.save((model, *traced, dynamic, settings_here()), part / "order.pt")
        with (part / "log").open("wb") as log:
            ended = subprocess.run(
                [sys.executable, "-m", "ace.executors.ahead_building", str(part)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(part),
                check=False,
            )
        if not (part / "entry" / "sha256").exists():
            raise MeasurementError(failed(dynamic, _last_words(part, ended.returncode)))
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
    return {**started_with(), **fixed, "PYTHONPATH": os.pathsep.join(path)}


def _last_words(part: Path, code: int) -> str:
    try:
        return (part / "error").read_text(encoding="utf-8")
    except OSError:  # it died
        words = (part / "log").read_bytes()[-400:].decode(errors="replace")
        return f"the compiling process ended with code {code} and no result: {words}"


def failed(dynamic: bool, why: str) -> str:
    """What is said of a compilation that failed for `why`."""
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
    if settings_here() != settings:
        raise MeasurementError(f"torch's settings are {settings} there and {settings_here()} in a fresh process")
    tokens = {1: torch.export.Dim.DYNAMIC} if dynamic else None
    exported = torch.export.export(model, (ids, mask), dynamic_shapes=(tokens, tokens))
    graph = exported.module(check_guards=False)  # a call's shape is looked at before the library is called
    entry = part / "entry"
    entry.mkdir()
    model_has = {name for name, _ in tensors_of(model)}
    constants: dict[str, Tensor] = {}
    files: Any = torch._inductor.aot_compile(graph, (ids, mask), options=dict(OPTIONS))
    for made in files:
        if not isinstance(made, str):
            constants |= {name: tensor.detach().clone() for name, (tensor, _) in made.items() if name not in model_has}
        elif not made.endswith(".cpp"):
            shutil.copy(made, entry)
    limits = [_limits(allowed) for allowed in exported.range_constraints.values()]
    torch.save({"constants": constants, "limits": limits[0] if limits else None}, entry / "facts.pt")
    (entry / "sha256").write_text(digest_of_files(entry), encoding="ascii")


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


def tensors_of(model: nn.Module) -> Iterable[tuple[str, Tensor]]:
    """Parameters and buffers by every name that they have."""
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def digest_of_files(entry: Path) -> str:
    """Hex SHA-256 of all files of an entry but the one that holds it."""
    state = hashlib.sha256()
    for file in sorted(entry.iterdir()):
        if file.name != "sha256":
            content = file.read_bytes()
            state.update(f"{file.name} {len(content)} ".encode())
            state.update(content)
    return state.hexdigest()


if __name__ == "__main__":
    main(sys.argv[1])
