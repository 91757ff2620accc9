"""The rules by which documents are told apart and drawn, on corpora of a few tokens."""

import numpy as np

from ace.benchmarks.orange import distinct, drawn
from ace.benchmarks.tokenised import TokenisedCorpus


def corpus(*documents: list[int]) -> TokenisedCorpus:
    return TokenisedCorpus.of(documents, ["x"] * len(documents))


def kept(length: int, *corpora: TokenisedCorpus) -> list[list[int]]:
    return [found.rows.tolist() for found in distinct(list(corpora), length, length)]


def test_of_documents_that_are_equal_within_a_split_the_first_stays():
    assert kept(3, corpus([1, 2, 9], [1, 3, 9], [1, 2, 9])) == [[0, 1]]


def test_a_document_in_both_splits_stays_in_the_one_given_first():
    test, train = corpus([1, 2, 9]), corpus([1, 4, 9], [1, 2, 9])
    assert kept(3, test, train) == [[0], [0]]


def test_documents_that_differ_only_beyond_the_cut_are_the_same_input():
    # at length 3 the third token becomes [SEP]: both would be handed over as 1, 2, [SEP]
    both = corpus([1, 2, 3, 4, 9], [1, 2, 7, 8, 9])
    assert kept(3, both) == [[0]]
    assert kept(4, both) == [[0, 1]]


def test_too_short_documents_drive_nobody_out():
    assert kept(4, corpus([1, 2, 9]), corpus([1, 2, 3, 9])) == [[], [0]]


def test_fewer_documents_than_asked_for_are_all_drawn():
    assert sorted(drawn(np.array([4, 7, 9]), 1000, seed=0).tolist()) == [4, 7, 9]


def test_the_draw_is_fixed_by_the_seed_and_differs_between_seeds():
    rows = np.arange(500)
    assert drawn(rows, 50, seed=1).tolist() == drawn(rows, 50, seed=1).tolist()
    assert set(drawn(rows, 50, seed=1).tolist()) != set(drawn(rows, 50, seed=2).tolist())


def test_a_document_drawn_at_a_short_length_is_drawn_at_a_longer_one_if_it_is_long_enough():
    all_rows, long_rows = np.arange(500), np.arange(0, 500, 2)
    short = set(drawn(all_rows, 100, seed=0).tolist())
    assert short & set(long_rows.tolist()) <= set(drawn(long_rows, 100, seed=0).tolist())


def test_natural_documents_keep_their_own_length_and_only_longer_ones_are_cut():
    [found] = distinct([corpus([1, 2, 9], [1, 3, 4, 5, 6, 9], [1, 9])], 4, 3)
    assert found.rows.tolist() == [0, 1]
    assert found.ids.tolist() == [[1, 2, 9, 0], [1, 3, 4, 5]]
    assert found.tokens.tolist() == [3, 4]


def test_a_natural_document_that_is_the_beginning_of_another_is_another_input():
    both = corpus([1, 2, 9], [1, 2, 3, 9])
    assert [found.rows.tolist() for found in distinct([both], 4, 3)] == [[0, 1]]
