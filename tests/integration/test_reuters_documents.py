"""Reuters R8 as installed: the holdout's corpus, and that it shares nothing with the other splits."""

import numpy as np
import pytest

from ace.benchmarks.loading import load_documents
from ace.domain.plan import BenchmarkSpec

EVERYTHING = 100_000
TARGETS = {
    "development": "ace.benchmarks.newsgroups.train",
    "validation": "ace.benchmarks.newsgroups.test",
    "holdout": "ace.benchmarks.reuters.r8",
}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    cache = tmp_path_factory.getbasetemp() / "corpora"

    def documents(split, seq_len, examples=EVERYTHING, seed=0):
        spec = BenchmarkSpec(split, split, TARGETS[split], "probe_accuracy", examples)
        return load_documents(spec, seq_len, seed, cache)

    return documents


@pytest.mark.parametrize("seq_len", [64, 128])
def test_the_three_splits_share_no_document(load, seq_len):
    rows = {split: {row.tobytes() for row in load(split, seq_len).ids} for split in TARGETS}
    for split, other in (("development", "validation"), ("development", "holdout"), ("validation", "holdout")):
        assert not rows[split] & rows[other]


def test_the_holdout_has_a_thousand_documents_up_to_128_tokens_and_few_at_512(load):
    assert len(load("holdout", 128).ids) > 1000
    assert 100 < len(load("holdout", 512).ids) < 300


def test_no_document_of_the_holdout_stands_twice_and_labels_keep_their_documents(load):
    found = load("holdout", 64)
    assert len({row.tobytes() for row in found.ids}) == len(found.ids)
    assert len(found.label_names) == 8
    shares = np.bincount(found.labels) / len(found.labels)
    assert found.label_names[int(shares.argmax())] in ("earn", "acq")


def test_a_draw_of_the_holdout_is_part_of_it_with_the_same_labels(load):
    everything, some = load("holdout", 128), load("holdout", 128, 200, seed=3)
    label_of = {row.tobytes(): label for row, label in zip(everything.ids, everything.labels, strict=True)}
    assert len(some.ids) == 200
    assert all(label_of[row.tobytes()] == label for row, label in zip(some.ids, some.labels, strict=True))
