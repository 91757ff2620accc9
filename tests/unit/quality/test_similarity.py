from itertools import combinations

import numpy as np
import pytest

from ace.errors import EvidenceError
from ace.quality.similarity import cosines

EMBEDDINGS = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


def test_pairs_come_in_the_order_of_combinations():
    wide = EMBEDDINGS.astype(np.float64)
    expected = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in combinations(wide, 2)]
    np.testing.assert_allclose(cosines(EMBEDDINGS), expected, rtol=0, atol=1e-14)


def test_the_length_of_an_embedding_does_not_count():
    lengths = np.float32([[1], [2], [4], [8], [0.5], [0.25], [16]])
    np.testing.assert_allclose(cosines(lengths * EMBEDDINGS), cosines(EMBEDDINGS), rtol=0, atol=1e-14)


def test_an_embedding_without_length_is_like_nothing():
    embeddings = EMBEDDINGS.copy()
    embeddings[0] = 0
    assert cosines(embeddings)[:6].tolist() == [0] * 6
    assert np.array_equal(cosines(embeddings)[6:], cosines(EMBEDDINGS)[6:])


@pytest.mark.parametrize("documents", [2, 50, 67])
def test_documents_that_are_embedded_alike_tie_to_the_bit(documents):
    alike = np.tile(np.random.default_rng(1).normal(size=384).astype(np.float32), (documents, 1))
    assert len(set(cosines(alike))) == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_output_that_is_not_finite_is_named(bad):
    spoilt = EMBEDDINGS.copy()
    spoilt[3, 1] = bad
    with pytest.raises(EvidenceError, match="output for document 3 is not finite"):
        cosines(spoilt)


@pytest.mark.parametrize("shape", [(1, 5), (0, 5), (5,)])
def test_one_document_makes_no_pair(shape):
    with pytest.raises(EvidenceError, match="2 documents or more"):
        cosines(np.ones(shape, dtype=np.float32))
