from pathlib import Path

import numpy as np
import pytest

from ace.benchmarks.tokenised import TokenisedCorpus, kept_or_made
from ace.errors import DataError

DOCUMENTS = [[101, 7, 8, 9, 102], [101, 5, 102], [101, 7, 8, 9, 10, 102]]
LABELS = ["b", "a", "b"]


def corpus() -> TokenisedCorpus:
    return TokenisedCorpus.of(DOCUMENTS, LABELS)


def never() -> TokenisedCorpus:
    raise AssertionError("made again although it was kept")


def same(a: TokenisedCorpus, b: TokenisedCorpus) -> bool:
    return (
        np.array_equal(a.ids, b.ids)
        and np.array_equal(a.ends, b.ends)
        and np.array_equal(a.labels, b.labels)
        and a.label_names == b.label_names
    )


def test_only_documents_that_are_long_enough_are_cut():
    rows, cut = corpus().cut(5, 5)[:2]
    assert rows.tolist() == [0, 2]
    assert cut.tolist() == [[101, 7, 8, 9, 102], [101, 7, 8, 9, 10]]
    assert cut.dtype == np.int64


def test_labels_are_indices_into_sorted_names():
    assert corpus().label_names == ("a", "b")
    assert corpus().labels.tolist() == [1, 0, 1]


def test_a_kept_corpus_is_read_and_not_made_again(tmp_path: Path):
    path = tmp_path / "new folder" / "entry.npz"
    assert same(kept_or_made(path, corpus), corpus())
    assert same(kept_or_made(path, never), corpus())


def test_nothing_but_the_finished_entry_is_left_in_the_folder(tmp_path: Path):
    kept_or_made(tmp_path / "entry.npz", corpus)
    assert [path.name for path in tmp_path.iterdir()] == ["entry.npz"]


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-1], lambda b: b[:200] + b"x" + b[201:], lambda _: b"", lambda _: b"\n"]
)
def test_an_entry_that_does_not_verify_is_made_again(tmp_path: Path, spoil):
    path = tmp_path / "entry.npz"
    kept_or_made(path, corpus)
    good = path.read_bytes()
    path.write_bytes(spoil(good))
    assert same(kept_or_made(path, corpus), corpus())
    assert path.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_refused_by_the_key_to_change(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cache_dir"):
        kept_or_made(tmp_path / "file" / "entry.npz", corpus)
