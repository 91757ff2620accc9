"""The least time of a call, and the peak it is reckoned from."""

from dataclasses import replace

import pytest

from ace.domain.record import Peak
from ace.domain.roofline import NO_BYTES, NO_FLOPS, NO_PEAK, highest, least
from ace.domain.session import Witness
from tests import builders as b

MIB = 2**20


def seen(flops, moved):
    return Witness("candidate", None, flops, moved)


def test_the_time_of_several_number_types_adds_up():
    call = least(seen((("float32", 250_000_000), ("int8", 2_000_000_000)), 0), b.PEAK)
    assert call.compute_s == pytest.approx(0.001 + 0.002)


@pytest.mark.parametrize(
    ("moved", "bandwidth"),
    [(8 * MIB, 120e9), (31 * MIB, 120e9), (32 * MIB, 70e9), (200 * MIB, 45e9), (999 * MIB, 40e9)],
)
def test_bytes_take_the_bandwidth_of_a_working_set_no_larger_than_they_are(moved, bandwidth):
    call = least(seen((), moved), b.PEAK)
    assert call.memory_s == pytest.approx(moved / bandwidth)
    assert call.cached_s == pytest.approx(moved / 120e9)


def test_fewer_bytes_than_the_smallest_working_set_are_not_timed():
    assert least(seen((), 8 * MIB - 1), b.PEAK).memory_s == 0.0


def test_a_larger_set_that_was_faster_speaks_for_the_smaller_one_too():
    peak = replace(b.PEAK, bytes_per_s=((8 * MIB, 30e9), (32 * MIB, 50e9)))
    assert least(seen((), 8 * MIB), peak).memory_s == pytest.approx(8 * MIB / 50e9)


def test_what_is_not_known_is_named_and_counts_nothing():
    assert least(None, None).missing == (NO_PEAK, NO_FLOPS, NO_BYTES)
    assert least(seen(None, None), b.PEAK).missing == (NO_FLOPS, NO_BYTES)
    call = least(seen((("float16", 10**9), ("float32", 250_000_000)), 0), b.PEAK)
    assert (call.compute_s, call.missing) == (pytest.approx(0.001), ("the peak of float16",))
    unread = least(seen((), 10**9), replace(b.PEAK, bytes_per_s=()))
    assert (unread.memory_s, unread.missing) == (0.0, ("the peak of memory",))


def test_of_two_measurements_of_one_machine_the_higher_rates_stand():
    one = Peak(1, (("float32", 1e9), ("int8", None)), ((MIB, 5e9),), None)
    other = Peak(1, (("float32", 2e9), ("int8", None)), ((MIB, 4e9),), None)
    assert highest(one, other) == Peak(1, (("float32", 2e9), ("int8", None)), ((MIB, 5e9),), None)


@pytest.mark.parametrize(
    ("flops", "moved", "reason"),
    [
        ((("float32", 0.0),), (), None),  # missing is None, never 0
        ((("float32", None),), (), None),  # nothing at all, and no reason
        ((("float32", 1e9),), (), "hung"),
        ((("float32", 1e9),), ((2 * MIB, 1e9), (MIB, 1e9)), None),
    ],
)
def test_a_peak_that_nothing_could_have_measured_is_refused(flops, moved, reason):
    with pytest.raises(ValueError, match="peak"):
        Peak(1, flops, moved, reason)


def test_negative_work_is_refused():
    with pytest.raises(ValueError, match="negative work"):
        seen((("float32", -1),), 0)
