"""From a BenchmarkSpec to its documents.

Called by the parent before a cell is measured. A benchmark is a function: (spec, seq_len, seed, cache folder) ->
Documents, found by the import path in `spec.target`.
"""

import importlib
from pathlib import Path

from ace.benchmarks.documents import Documents
from ace.domain.plan import BenchmarkSpec
from ace.errors import PlanError


def load_documents(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path) -> Documents:
    """At most `spec.examples` documents of exactly `seq_len` tokens, the same for the same seed.

    Raises PlanError when there is no such benchmark, DataError when its files are missing, altered or too short.
    """
    module, _, name = spec.target.rpartition(".")
    try:
        read = getattr(importlib.import_module(module or name), name)
    except (ImportError, AttributeError) as error:
        raise PlanError(
            f"split._target_={spec.target} is refused: {error}; allowed: package.module.function, importable from here."
        ) from error
    documents: Documents = read(spec, seq_len, seed, cache_dir)
    return documents
