"""From an ExecutorSpec to the executor, and to the digest of its source.

Executors live anywhere on the import path, in the user's own package as well as here. The worker loads one; the parent
only digests its source, without importing it or torch.
"""

import hashlib
import importlib
import inspect
import os
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import cast

from ace.domain.plan import ExecutorSpec
from ace.domain.workload import Executor
from ace.errors import PlanError

ACE = "ace"
MOST_FILES, MOST_BYTES = 20_000, 512 * 2**20
"""Of a package: more would be noticed before each cell."""


class NoSource(PlanError):
    """There is no package or module of that name."""


def load_executor(spec: ExecutorSpec) -> Executor:
    """Import the class and construct it.  Raises PlanError naming the key when either cannot be done."""
    kind = _imported(spec.target)
    arguments = dict(spec.parameters)
    signature = inspect.signature(kind)
    takes = f"allowed: {spec.target.rpartition('.')[2]}{signature}"
    named = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    anything = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    for key, value in arguments.items():
        if not anything and key not in {p.name for p in named}:
            raise PlanError(f"executor.{key}={value} is refused: unknown argument; {takes}.")
    for parameter in named:
        if parameter.default is parameter.empty and parameter.name not in arguments:
            raise PlanError(f"executor.{parameter.name} is missing; {takes}.")
    try:
        executor = kind(**arguments)
    except (TypeError, ValueError) as error:
        raise PlanError(f"executor {spec.short_name} is refused by its constructor: {error}") from error
    if not callable(getattr(executor, "prepare", None)):
        raise PlanError(f"executor._target_={spec.target} is refused: it has no method prepare(model, example).")
    return cast(Executor, executor)


def _imported(target: str) -> type:
    module_name, _, name = target.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise PlanError(
            f"executor._target_={target} is refused: {error}; allowed: package.module.Class, importable from here."
        ) from error
    if not callable(kind):
        raise PlanError(f"executor._target_={target} is refused: it is a {type(kind).__name__}; allowed: a class.")
    return cast(type, kind)


def source_digest(target: str) -> str:
    """Hex SHA-256 over the files of the target's top-level package, or over its one module.

    Of ACE itself its .py files, of a package of others whatever it may read (`_read_by`). Sorted by path relative to
    the package: the same wherever it is installed. Nothing is imported.  Raises NoSource where there is none, PlanError
    where there is more than anybody could digest before each cell.
    """
    top = target.partition(".")[0]
    found = util.find_spec(top)
    folders = [Path(folder) for folder in found.submodule_search_locations or ()] if found else []
    files = {path.relative_to(folder).as_posix(): path for folder in folders for path in _read_by(top, folder)}
    if found and not folders and found.has_location:
        files = {Path(str(found.origin)).name: Path(str(found.origin))}
    if not files:
        raise NoSource(f"executor._target_={target} is refused: there is no package or module {top} on the path.")
    content = hashlib.sha256()
    for name in sorted(files):
        content.update(os.fsencode(name) + f"\0{_file_digest(top, files[name])}\n".encode())
    return content.hexdigest()


def _read_by(top: str, folder: Path) -> Iterator[Path]:
    """The files below a package's folder that count: every .py, and of a package of others every plain file that is
    neither hidden nor compiled nor a link to somewhere else."""
    root, count, size = folder.resolve(), 0, 0
    for place, _, names in os.walk(folder):
        within = Path(place).relative_to(folder).parts
        apart = top == ACE or any(part.startswith(".") or part == "__pycache__" for part in within)
        for path in (Path(place, name) for name in names):
            if not path.is_file() or (path.suffix != ".py" and path.name != ".py" and (apart or _left_out(path, root))):
                continue
            count, size = count + 1, size + path.stat().st_size
            if count > MOST_FILES or size > MOST_BYTES:
                raise PlanError(
                    f"package {top} is refused: {folder} holds more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB, "
                    "and all of them are digested before each cell; keep data outside of the package."
                )
            yield path


def _left_out(path: Path, root: Path) -> bool:
    """Whether a file that is no source is nothing that belongs to the package at `root`."""
    if path.name.startswith(".") or path.suffix == ".pyc":
        return True
    return path.is_symlink() and not path.resolve().is_relative_to(root)


def _file_digest(top: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PlanError(f"package {top} is refused: its file cannot be read: {error}.") from error
