"""From an ExecutorSpec to the executor, and to the digest of its source.

Executors live anywhere on the import path, in the user's own package as well as here. The worker loads one; the parent
only digests its source, without importing it or torch.
"""

import hashlib
import importlib
import inspect
from importlib import util
from pathlib import Path
from typing import cast

from ace.domain.plan import ExecutorSpec
from ace.domain.workload import Executor
from ace.errors import PlanError


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
    """Hex SHA-256 over the .py files of the target's top-level package, or over its one module.

    Sorted by path relative to the package: the same wherever the package is installed. Nothing is imported.
    """
    top = target.partition(".")[0]
    found = util.find_spec(top)
    folders = [Path(folder) for folder in found.submodule_search_locations or ()] if found else []
    files = {path.relative_to(folder).as_posix(): path for folder in folders for path in folder.rglob("*.py")}
    if found and not folders and found.has_location:
        files = {Path(str(found.origin)).name: Path(str(found.origin))}
    if not files:
        raise PlanError(f"executor._target_={target} is refused: there is no package or module {top} on the path.")
    content = hashlib.sha256()
    for name in sorted(files):
        content.update(f"{name}\0{hashlib.sha256(files[name].read_bytes()).hexdigest()}\n".encode())
    return content.hexdigest()
