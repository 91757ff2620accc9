"""From a BenchmarkSpec to its documents.

Called by the parent before a cell is measured. A benchmark is a function: (spec, seq_len, seed, cache folder) ->
Documents, found by the import path in `spec.target`; with a parameter
`tokenizer` it serves models that bring one as well.
"""

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from ace.benchmarks.documents import Documents
from ace.domain.plan import BenchmarkSpec, ModelSpec
from ace.errors import PlanError


def load_documents(
    spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path, tokenizer: Path | None = None
) -> Documents:
    """At most `spec.examples` documents, the same for the same seed: of exactly `seq_len` tokens, or of up to as many
    where `spec.inputs` is natural.

    Raises PlanError when there is no such benchmark, DataError when its files are missing, altered or too short.
    """
    read = _reader(spec)
    takes_one = "tokenizer" in inspect.signature(read).parameters
    if tokenizer is not None and not takes_one:
        raise PlanError(
            f"split._target_={spec.target} is refused: the model has a tokenizer of its own ({tokenizer}), and this "
            "benchmark takes none; allowed: a function with a parameter `tokenizer`, as ACE's own have."
        )
    own = {"tokenizer": tokenizer} if takes_one else {}
    documents: Documents = read(spec, seq_len, seed, cache_dir, **own)
    return documents


def check_benchmark(spec: BenchmarkSpec, model: ModelSpec) -> None:
    """Raise PlanError when there is no such benchmark, or when what it asks is nothing that the model can be shown."""
    _reader(spec)
    asked = modality(spec.target)
    shown = modality(model.target)
    if asked != shown:
        raise PlanError(
            f"split {spec.name} is refused with model={model.name}: it holds {asked} inputs, the model takes {shown}; "
            "allowed: split=mnist_development or mnist_validation with model=vit, the others with the others."
        )


def modality(target: str) -> str:
    """What a benchmark holds or a model takes, as its module says; text where it says nothing."""
    return str(getattr(_module(target), "MODALITY", "text"))


def _reader(spec: BenchmarkSpec) -> Any:
    try:
        return getattr(_module(spec.target), spec.target.rpartition(".")[2])
    except (ImportError, AttributeError) as error:
        raise PlanError(
            f"split._target_={spec.target} is refused: {error}; allowed: package.module.function, importable from here."
        ) from error


def _module(target: str) -> ModuleType:
    return importlib.import_module(target.rpartition(".")[0] or target)
