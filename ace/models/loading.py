"""From a ModelSpec to what its target offers: the module, a check before anything runs, the digests of its files.

A model is a Python module with `load(spec)`, which a worker calls. What it may offer besides, the parent calls without
importing torch: `check(spec)`, `digests(spec)`, `libraries(spec)` when packages of others compute it, `tokenizer(spec)`
when documents are to be tokenised with a file of its own, and `describe(name, revision)` when its sizes stand in a file
and not in the configuration.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ace.domain.plan import ModelSpec
from ace.errors import PlanError

if TYPE_CHECKING:
    from torch import nn


def load_model(spec: ModelSpec) -> "nn.Module":
    """The module that `spec.target` makes, in evaluation mode, without gradients."""
    check_model(spec)
    model: nn.Module = getattr(_home(spec.target), _function(spec.target))(spec)
    return model.eval().requires_grad_(False)


def check_model(spec: ModelSpec) -> None:
    """Raise PlanError when `spec.target` does not exist or refuses the spec."""
    home = _home(spec.target)
    if not callable(getattr(home, _function(spec.target), None)):
        raise PlanError(
            f"model._target_={spec.target} is refused: {home.__name__} has no function {_function(spec.target)}."
        )
    check = getattr(home, "check", None)
    if check is not None:
        check(spec)


def model_digests(spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    """(name, sha256) of every file that the model is made of; empty when it names none."""
    digests = getattr(_home(spec.target), "digests", None)
    return () if digests is None else tuple(digests(spec))


def model_libraries(spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    """(name, version) of the packages of others that compute it, beside torch; empty when it names none."""
    libraries = getattr(_home(spec.target), "libraries", None)
    return () if libraries is None else tuple(libraries(spec))


def model_tokenizer(spec: ModelSpec) -> Path | None:
    """The tokenizer.json that documents for this model are tokenised with; None for MiniLM's."""
    tokenizer = getattr(_home(spec.target), "tokenizer", None)
    return None if tokenizer is None else Path(tokenizer(spec))


def described_model(target: str, name: object, revision: object) -> dict[str, object]:
    """What the model says of itself: its full name and its sizes under their configuration keys; empty when nothing.

    Raises PlanError when there is no model of that name and revision.
    """
    describe = getattr(_home(target), "describe", None)
    return {} if describe is None else dict(describe(name, revision))


def _function(target: str) -> str:
    return target.rpartition(".")[2]


def _home(target: str) -> ModuleType:
    try:
        return importlib.import_module(target.rpartition(".")[0] or target)
    except ImportError as error:
        raise PlanError(
            f"model._target_={target} is refused: {error}; allowed: package.module.function, importable from here."
        ) from error
