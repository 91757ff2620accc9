"""The 50 rated news texts as installed: how they are read, cut and padded, and that the model agrees with people."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from ace.benchmarks import lee
from ace.benchmarks.loading import load_rated
from ace.benchmarks.rated import RatedDocuments
from ace.domain.plan import BenchmarkSpec, ModelSpec
from ace.errors import DataError
from ace.models import tokenizer
from ace.models.files import PinnedFile
from ace.models.loading import load_model
from ace.quality.similarity import METRIC, cosines

SPEC = BenchmarkSpec("validation", "lee", "ace.benchmarks.lee.human_similarity", METRIC, 50)


def load(seq_len: int, cache: Path = Path("unused"), own_tokenizer: Path | None = None) -> RatedDocuments:
    return load_rated(SPEC, seq_len, 0, cache, own_tokenizer)


@pytest.fixture(scope="module")
def at_128() -> RatedDocuments:
    return load(128)


def test_all_fifty_are_there_at_every_length_and_people_rated_all_1225_pairs(at_128):
    for documents in (load(16), at_128, load(512)):
        assert len(documents.ids) == len(np.unique(documents.ids, axis=0)) == 50
        assert documents.pairs.shape == (1225,)
        assert documents.labels_digest == at_128.labels_digest


def test_texts_are_of_53_to_154_tokens_so_64_cut_nearly_all_and_128_cut_five():
    lengths = load(512).mask.sum(axis=1)
    assert (lengths.min(), np.median(lengths), lengths.max()) == (53, 101, 154)
    assert ((lengths > 64).sum(), (lengths > 128).sum()) == (47, 5)


@pytest.mark.parametrize("seq_len", [64, 128, 512])
def test_every_document_keeps_its_own_length_and_ends_with_sep_cut_or_not(seq_len):
    documents, whole = load(seq_len), load(512)
    lengths = documents.mask.sum(axis=1)
    assert np.array_equal(lengths, np.minimum(whole.mask.sum(axis=1), seq_len))
    assert (documents.ids[:, 0] == tokenizer.CLS).all()
    assert (documents.ids[np.arange(50), lengths - 1] == tokenizer.SEP).all()
    assert (documents.ids == tokenizer.SEP).sum() == 50
    assert not documents.ids[documents.mask == 0].any()
    for row, same, length in zip(documents.ids, whole.ids, lengths, strict=True):
        assert np.array_equal(row[: length - 1], same[: length - 1])


def test_ratings_are_answers_from_1_to_5_over_5_and_stand_as_the_file_has_them(at_128):
    assert (at_128.pairs.min(), at_128.pairs.max()) == (0.2, 1.0)
    lines = lee.RATINGS.verified().read_text().splitlines()
    file = [[float(number) for number in line.split("\t")] for line in lines]
    assert at_128.pairs.tolist() == [file[i][j] for i, j in combinations(range(50), 2)]
    assert np.isnan(np.diagonal(at_128.ratings)).all()


def test_texts_that_everyone_called_alike_share_long_words_so_ratings_stand_with_their_texts(at_128):
    texts = [
        {word.strip('.,"').lower() for word in text.split() if len(word.strip('.,"')) > 6}
        for text in lee._texts(lee.TEXTS.verified())
    ]
    shared = {(i, j): len(texts[i] & texts[j]) for i, j in combinations(range(50), 2)}
    alike = [pair for pair in shared if at_128.ratings[pair] == 1]
    assert len(alike) == 3
    assert min(shared[pair] for pair in alike) > 3 * np.mean(list(shared.values()))


def test_every_file_that_was_read_is_named_with_its_digest(at_128):
    assert {name: value[:16] for name, value in at_128.digests} == {
        "lee.cor": "a878f9a58f6743c3",
        "similarities0-1.txt": "23762bc6b7288971",
        "tokenizer.json": "be50c3628f2bf5bb",
    }


def test_a_model_with_a_tokenizer_of_its_own_is_served_with_it(at_128):
    own = load(128, own_tokenizer=tokenizer.TOKENIZER.verified())
    assert own.inputs_digest == at_128.inputs_digest


def test_the_seed_and_the_number_of_examples_change_nothing(tmp_path: Path, at_128):
    other = load_rated(replace(SPEC, examples=7), 128, 3, tmp_path)
    assert other.inputs_digest == at_128.inputs_digest
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("which", "name"), [("TEXTS", "lee.cor"), ("RATINGS", "similarities0-1.txt")])
def test_an_altered_file_is_refused(which, name, monkeypatch: pytest.MonkeyPatch):
    file = getattr(lee, which)
    monkeypatch.setattr(lee, which, PinnedFile(file.distribution, file.path, "0" * 64))
    with pytest.raises(DataError, match=f"{name} was altered.*requirements-data.txt"):
        load(64)


def square() -> np.ndarray:
    table = np.triu(np.full((50, 50), 0.4), 1)
    np.fill_diagonal(table, 1)
    return table


@pytest.mark.parametrize(("at", "value"), [((0, 1), 1.5), ((0, 1), -0.1), ((0, 1), np.nan), ((3, 3), 0), ((4, 2), 0.4)])
def test_ratings_out_of_range_or_out_of_place_are_refused(at, value, tmp_path: Path):
    table = square()
    np.savetxt(tmp_path / "ratings.txt", table, delimiter="\t")
    assert np.nanmax(lee._ratings(tmp_path / "ratings.txt")) == 0.4
    table[at] = value
    np.savetxt(tmp_path / "ratings.txt", table, delimiter="\t")
    with pytest.raises(DataError, match="1 on the diagonal, 0 below and ratings from 0 to 1 above"):
        lee._ratings(tmp_path / "ratings.txt")


def test_a_file_of_another_shape_is_refused(tmp_path: Path):
    np.savetxt(tmp_path / "ratings.txt", square()[1:])
    with pytest.raises(DataError, match=r"table of \(49, 50\); expected 50 x 50"):
        lee._ratings(tmp_path / "ratings.txt")
    (tmp_path / "ratings.txt").write_text("1\t0.2\n0\n")
    with pytest.raises(DataError, match="no table of numbers"):
        lee._ratings(tmp_path / "ratings.txt")
    (tmp_path / "texts.cor").write_text("one\n\nthree\n")
    with pytest.raises(DataError, match="has 3 lines; expected 50"):
        lee._texts(tmp_path / "texts.cor")


@pytest.mark.parametrize(
    ("part", "at", "value", "message"),
    [
        ("ratings", (0, 1), 0.9, "the same above and below"),
        ("ratings", (2, 2), 1.0, "diagonal of ratings must be NaN"),
        ("mask", (0, 0), 0, "mask must be 1 over the tokens"),
        ("ids", (0, 127), 9, "where ids are 0"),
    ],
)
def test_rated_documents_that_contradict_themselves_are_refused(at_128, part, at, value, message):
    altered = getattr(at_128, part).copy()
    altered[at] = value
    with pytest.raises(ValueError, match=message):
        replace(at_128, **{part: altered})
    with pytest.raises(ValueError, match="do not belong together"):
        replace(at_128, **{part: altered[1:]})


def test_a_rating_that_changes_changes_the_digest_of_the_ratings_and_no_other(at_128):
    ratings = at_128.ratings.copy()
    ratings[0, 1] = ratings[1, 0] = 0.9
    other = replace(at_128, ratings=ratings)
    assert other.labels_digest != at_128.labels_digest
    assert other.inputs_digest == at_128.inputs_digest


def test_the_model_agrees_with_people_as_far_as_one_person_does_with_another_by_rank_a_little_less(at_128):
    model = load_model(ModelSpec("minilm", "ace.models.minilm.load", 384, 6, 12, 512, True, 0))
    with torch.inference_mode():
        embeddings = model(torch.from_numpy(at_128.ids), torch.from_numpy(at_128.mask)).numpy()
    similar = cosines(embeddings)
    assert stats.spearmanr(at_128.pairs, similar).statistic == pytest.approx(0.504, abs=0.005)
    assert stats.pearsonr(at_128.pairs, similar).statistic == pytest.approx(0.654, abs=0.005)
    mixed = cosines(embeddings[np.random.default_rng(0).permutation(50)])
    assert abs(stats.spearmanr(at_128.pairs, mixed).statistic) < 0.15
