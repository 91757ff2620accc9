"""From a ModelSpec to what its target offers: the module, a check before anything runs, the digests of its files.

A model is a Python module with `load(spec)`, which a worker calls, and optionally `check(spec)` and `digests()`, which
the parent calls without importing torch.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from ace.domain.plan import ModelSpec
from ace.errors import PlanError

if TYPE_CHECKING:
    from torch import nn


def load_model(spec: ModelSpec) -> "nn.Module":
    """The module that `spec.target` makes, in evaluation mode, without gradients."""
    check_model(spec)
    model: nn.Module = getattr(_home(spec), _function(spec))(spec)
    return model.eval().requires_grad_(False)


def check_model(spec: ModelSpec) -> None:
    """Raise PlanError when `spec.target` does not exist or refuses the spec."""
    home = _home(spec)
    if not callable(getattr(home, _function(spec), None)):
        raise PlanError(f"model._target_={spec.target} is refused: {home.__name__} has no function {_function(spec)}.")
    check = getattr(home, "check", None)
    if check is not None:
        check(spec)


def model_digests(spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    """(name, sha256) of every file that the model is made of, as `load` demands them; empty when it names none."""
    digests = getattr(_home(spec), "digests", None)
    return () if digests is None else tuple(digests())


def _function(spec: ModelSpec) -> str:
    return spec.target.rpartition(".")[2]


def _home(spec: ModelSpec) -> ModuleType:
    try:
        return importlib.import_module(spec.target.rpartition(".")[0] or spec.target)
    except ImportError as error:
        raise PlanError(
            f"model._target_={spec.target} is refused: {error}; allowed: package.module.function, importable from here."
        ) from error
