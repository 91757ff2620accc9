import numpy as np

from ace.benchmarks.documents import Documents
from ace.benchmarks.slices import by_length, slices_of


def documents(tokens: list[int], labels: list[int], width: int = 64) -> Documents:
    mask = (np.arange(width) < np.array(tokens)[:, None]).astype(np.int64)
    return Documents(mask.copy(), mask, np.array(labels), ("a", "b", "c"), ())


def test_documents_are_divided_by_class_under_the_names_of_their_labels():
    [slices] = slices_of(documents([9, 9, 9], [0, 2, 2]), ["class"])
    assert (slices.name, slices.parts, slices.of) == ("class", ("a", "b", "c"), (0, 2, 2))


def test_documents_of_one_length_have_no_parts_by_length_and_one_class_is_no_part():
    assert slices_of(documents([9, 9, 9], [1, 1, 1]), ["class", "length"]) == ()


def test_lengths_make_about_equal_thirds_and_every_document_is_in_one():
    tokens = list(range(3, 63))
    found = by_length(documents(tokens, [0] * len(tokens)))
    assert np.bincount(found.of).tolist() == [20, 20, 20]
    assert found.parts == ("3 to 22 tokens", "23 to 42 tokens", "43 to 62 tokens")


def test_documents_cut_to_one_length_stay_together():
    found = by_length(documents([10, 64, 64, 64, 64, 64], [0] * 6))
    assert found.of == (0, 1, 1, 1, 1, 1)
    assert found.parts == ("10 to 63 tokens", "64 to 64 tokens")
