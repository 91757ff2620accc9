"""From a BenchmarkSpec to its documents.

Called by the parent before a cell is measured. A benchmark is a function: (spec, seq_len, seed, cache folder) ->
Documents, found by the import path in `spec.target`; with a parameter
`tokenizer` it serves models that bring one as well.
"""

import importlib
import inspect
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ace.benchmarks.documents import Documents
from ace.benchmarks.rated import RatedDocuments
from ace.domain.plan import DEVELOPMENT, HOLDOUT, BenchmarkSpec, ModelSpec
from ace.errors import DataError, PlanError

CALIBRATION_DOCUMENTS = 64
EVERY = 2**31  # more documents than any corpus here has


def load_documents(
    spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path, tokenizer: Path | None = None
) -> Documents:
    """At most `spec.examples` documents, the same for the same seed: of exactly `seq_len` tokens, or of up to as many
    where `spec.inputs` is natural.

    Raises PlanError when there is no such benchmark, DataError when its files are missing, altered or too short.
    """
    documents = _read(spec, seq_len, seed, cache_dir, tokenizer)
    if not isinstance(documents, Documents):
        raise PlanError(f"split._target_={spec.target} is refused: it gives no labelled documents.")
    return documents


def _read(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path, tokenizer: Path | None) -> Any:
    read = _reader(spec)
    takes_one = "tokenizer" in inspect.signature(read).parameters
    if tokenizer is not None and not takes_one:
        raise PlanError(
            f"split._target_={spec.target} is refused: the model has a tokenizer of its own ({tokenizer}), and this "
            "benchmark takes none; allowed: a function with a parameter `tokenizer`, as ACE's own have."
        )
    own = {"tokenizer": tokenizer} if takes_one else {}
    return read(spec, seq_len, seed, cache_dir, **own)


def load_rated(
    spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path, tokenizer: Path | None = None
) -> RatedDocuments:
    """Documents that people compared with each other, each at its own length up to `seq_len`; raises as above."""
    rated = _read(spec, seq_len, seed, cache_dir, tokenizer)
    if not isinstance(rated, RatedDocuments):
        raise PlanError(f"split.further: {spec.target} gives no documents that people rated; metric={spec.metric}.")
    return rated


def load_development(
    spec: BenchmarkSpec, seq_len: int, cache_dir: Path, tokenizer: Path | None = None
) -> Documents | None:
    """All documents of the development split that belongs to `spec`, None where it names none."""
    target = spec.target if spec.split == DEVELOPMENT else spec.development
    if target is None:
        return None
    every = replace(spec, split=DEVELOPMENT, target=target, examples=EVERY, development=None)
    return load_documents(every, seq_len, 0, cache_dir, tokenizer)


def count_documents(spec: BenchmarkSpec, seq_len: int, cache_dir: Path, tokenizer: Path | None = None) -> int:
    """How many documents a benchmark has for a length; 0 where it has none.  Raises PlanError as above."""
    try:
        return len(load_documents(replace(spec, examples=EVERY), seq_len, 0, cache_dir, tokenizer).ids)
    except DataError:
        return 0


def require_disjoint(documents: Documents, development: Documents, spec: BenchmarkSpec) -> None:
    """Raise PlanError when documents of another split stand in development too: nothing could be confirmed on them."""
    shared = set(documents.each_digest) & set(development.each_digest)
    if shared:
        raise PlanError(
            f"split._target_={spec.target} is refused: {len(shared)} of its {len(documents.ids)} documents are also "
            f"in split.development={spec.development}; leave them out of one of the two."
        )


def calibration_documents(development: Documents) -> Documents:
    """Documents that an idea may calibrate on, the same for every split, seed and session: those whose digest comes
    first."""
    first = sorted(range(len(development.ids)), key=development.each_digest.__getitem__)[:CALIBRATION_DOCUMENTS]
    rows = np.array(first, dtype=np.int64)
    return replace(development, ids=development.ids[rows], mask=development.mask[rows], labels=development.labels[rows])


def check_benchmark(spec: BenchmarkSpec, model: ModelSpec) -> None:
    """Raise PlanError when there is no such benchmark, or when what it asks is nothing that the model can be shown."""
    _reader(spec)
    if spec.development is not None:
        _reader(replace(spec, target=spec.development), "split.development")
    asked = modality(spec.target)
    shown = modality(model.target)
    if asked != shown:
        raise PlanError(
            f"split {spec.name} is refused with model={model.name}: it holds {asked} inputs, the model takes {shown}; "
            "allowed: split=mnist_development, mnist_validation, mnist_holdout with model=vit; others with the others."
        )


def modality(target: str) -> str:
    """What a benchmark holds or a model takes, as its module says; text where it says nothing."""
    return str(getattr(_module(target), "MODALITY", "text"))


def _reader(spec: BenchmarkSpec, key: str = "split._target_") -> Any:
    try:
        module = _module(spec.target)
        name = spec.target.rpartition(".")[2]
        read = getattr(module, name)
    except (ImportError, AttributeError) as error:
        raise PlanError(
            f"{key}={spec.target} is refused: {error}; allowed: package.module.function, importable from here."
        ) from error
    if name in getattr(module, "SEALED", ()) and spec.split != HOLDOUT:
        raise PlanError(
            f"{key}={spec.target} is refused for split {spec.split}: these documents are sealed, whatever they are "
            "called; only a registered claim opens them, with split=holdout."
        )
    return read


def _module(target: str) -> ModuleType:
    return importlib.import_module(target.rpartition(".")[0] or target)
