from typing import Any

import pytest

from ace.domain.workload import Batch
from ace.measure.timing import Clocks, Timing, calls_per_timing, time_calls


def test_a_timing_is_the_mean_of_its_calls_on_both_clocks() -> None:
    clocks = Clocks(iter([10.0, 16.0]).__next__, iter([1.0, 4.0]).__next__)
    seen: list[Any] = []
    made = time_calls(lambda ids, _: seen.append(ids) or ids, [Batch(n, n) for n in range(3)], clocks)
    assert made == Timing(2.0, 1.0, None, [0, 1, 2])
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(("fastest_s", "calls"), [(0.5, 1), (0.001, 1), (0.0004, 3), (0.00001, 100)])
def test_a_timing_lasts_at_least_the_minimum(fastest_s: float, calls: int) -> None:
    assert calls_per_timing(fastest_s, 0.001) == calls
