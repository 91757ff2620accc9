import numpy as np
import pytest

from ace.measure.inputs import Inputs
from ace.measure.order import shuffled_batches


@pytest.fixture
def inputs(tmp_path):
    lengths = np.array([5, 2, 3, 5, 4, 2])
    mask = (np.arange(5) < lengths[:, None]).astype(np.int64)
    np.save(tmp_path / "ids.npy", (np.arange(30).reshape(6, 5) + 1) * mask)
    np.save(tmp_path / "mask.npy", mask)
    return Inputs(tmp_path, np.random.default_rng(0))


def test_a_batch_is_as_wide_as_its_longest_document(inputs):
    assert inputs.batch([1, 2]).ids.tolist() == [[6, 7, 0], [11, 12, 13]]
    assert inputs.batch([1, 2]).mask.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert inputs.batch([1, 0]).ids.shape == (2, 5)


def test_a_batch_can_be_written_to_without_touching_the_documents(inputs):
    batch = inputs.batch([0, 1])
    batch.ids.fill_(0)
    assert inputs.batch([0, 1]).ids.sum() > 0
    assert batch.ids.is_contiguous()


def test_no_document_comes_twice_before_all_were_used(inputs):
    assert sorted([*inputs.draw(2), *inputs.draw(4)]) == list(range(6))
    assert len(inputs.draw(9)) == 9


@pytest.mark.parametrize(("documents", "size"), [(6, 1), (6, 4), (7, 3), (3, 5), (1, 4)])
def test_shuffled_batches_are_full_and_hold_every_document(documents, size):
    batches = shuffled_batches(documents, size, 3)
    assert batches.shape == (-(-documents // size), size)
    assert sorted(batches.ravel()[:documents].tolist()) == list(range(documents))
    assert np.array_equal(batches, shuffled_batches(documents, size, 3))
