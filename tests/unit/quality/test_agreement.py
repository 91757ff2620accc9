import numpy as np
import pytest

from ace.quality.agreement import agreement, ulps_between

ONE = np.float32(1.0)


def above(value: np.float32, steps: int = 1) -> np.float32:
    for _ in range(steps):
        value = np.nextafter(value, np.float32(np.inf))
    return value


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [(ONE, ONE, 0), (ONE, above(ONE), 1), (above(ONE, 5), ONE, 5), (-ONE, -above(ONE), 1), (0.0, -0.0, 0),
     (above(np.float32(0)), -above(np.float32(0)), 2), (1.0, 2.0, 2**23)],
)  # fmt: skip
def test_units_in_the_last_place_count_the_numbers_between(one, other, apart):
    assert ulps_between(np.array([one], np.float32), np.array([other], np.float32)).tolist() == [apart]


def test_errors_are_relative_to_the_largest_output_of_each_document():
    dense = np.array([[1, 0.1], [100, 10]], dtype=np.float32)
    found = agreement(dense, dense + np.float32(0.5), np.array([True, False]))
    np.testing.assert_allclose(found.relative_error, [0.5, 0.005], rtol=1e-5)
    assert (found.dtype, found.same_answer) == ("float32", (1, 0))


def test_a_baseline_of_zeros_hides_no_difference():
    dense = np.zeros((1, 3), dtype=np.float32)
    assert agreement(dense, dense + 2, np.array([True])).relative_error == (2.0,)
