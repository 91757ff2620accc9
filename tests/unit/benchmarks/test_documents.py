from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ace.benchmarks.documents import Documents
from ace.benchmarks.loading import calibration_documents, load_development, load_documents, require_disjoint
from ace.domain.plan import BenchmarkSpec
from ace.errors import PlanError

SPEC = BenchmarkSpec("development", "tiny", f"{__name__}.tiny", "probe_accuracy", 2)


def tiny(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path) -> Documents:
    ids = np.full((spec.examples, seq_len), seed, dtype=np.int64)
    return Documents(ids, np.ones_like(ids), np.arange(spec.examples), ("a", "b"), ())


def test_a_benchmark_is_imported_by_its_path_and_told_what_is_asked(tmp_path: Path):
    assert load_documents(SPEC, 5, 3, tmp_path).ids.tolist() == [[3] * 5, [3] * 5]


@pytest.mark.parametrize("target", ["no_such_package.train", "ace.benchmarks.newsgroups.no_such", "train"])
def test_an_unknown_benchmark_is_refused_by_name(target, tmp_path: Path):
    with pytest.raises(PlanError, match=f"split._target_={target} is refused"):
        load_documents(replace(SPEC, target=target), 5, 0, tmp_path)


def test_ids_and_labels_of_different_numbers_are_refused():
    ids = np.ones((3, 4), dtype=np.int64)
    with pytest.raises(ValueError, match="do not belong together"):
        Documents(ids, ids, np.zeros(2, dtype=np.int64), ("a",), ())


def test_the_inputs_digest_sees_ids_mask_and_shape_but_not_labels(tmp_path: Path):
    documents = load_documents(SPEC, 6, 1, tmp_path)
    digest = documents.inputs_digest
    other_mask = documents.mask.copy()
    other_mask[0, -1] = 0
    assert replace(documents, labels=np.ones(2, dtype=np.int64)).inputs_digest == digest
    assert replace(documents, mask=other_mask).inputs_digest != digest
    assert replace(documents, ids=documents.ids + 1).inputs_digest != digest
    # the same bytes in another shape are another input
    one = replace(documents, ids=documents.ids.reshape(1, 12), mask=documents.mask.reshape(1, 12), labels=np.zeros(1))
    assert one.inputs_digest != digest


def apart(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path) -> Documents:
    """Twenty documents, all different; those of validation start with two of development's."""
    first = {"development": 0, "validation": 18}[spec.split]
    ids = np.arange(first, first + 20)[:, None] * np.ones(seq_len, dtype=np.int64)
    return Documents(ids, np.ones_like(ids), np.zeros(20, dtype=np.int64), ("a",), ())


def test_a_split_that_shares_documents_with_development_is_refused_by_its_key(tmp_path: Path):
    spec = BenchmarkSpec("validation", "apart", f"{__name__}.apart", "m", 20, development=f"{__name__}.apart")
    development = load_development(spec, 5, tmp_path)
    with pytest.raises(PlanError, match=r"2 of its 20 documents are also in split\.development="):
        require_disjoint(load_documents(spec, 5, 0, tmp_path), development, spec)


def test_a_split_that_names_no_development_has_nothing_to_calibrate_on(tmp_path: Path):
    spec = BenchmarkSpec("validation", "apart", f"{__name__}.apart", "m", 20)
    assert load_development(spec, 5, tmp_path) is None
    assert load_development(replace(spec, split="development"), 5, tmp_path) is not None


def test_ideas_calibrate_on_the_same_documents_of_development_whatever_the_split(tmp_path: Path):
    spec = BenchmarkSpec("validation", "apart", f"{__name__}.apart", "m", 20, development=f"{__name__}.apart")
    both = [load_development(s, 5, tmp_path) for s in (spec, replace(spec, split="development", development=None))]
    chosen = [calibration_documents(documents).each_digest for documents in both]
    assert chosen[0] == chosen[1]
    assert len(set(chosen[0])) == 20
