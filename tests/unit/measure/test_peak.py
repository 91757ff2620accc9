"""The machine's peak, on clocks that tests turn: which repetition counts, when to stop, what is missing."""

import itertools

import pytest
import torch

from ace.measure import peak
from ace.measure.peak import WINDOWS, Kernel, fastest, larger_while_short, measure_peak, settled


class Clock:
    """Stands still until something takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def kernel(clock: Clock, seconds: list[float], what: str | int = "float32", work: int = 1000) -> Kernel:
    """Takes these times, then the last one for ever; every other call is the untimed one before."""
    lengths = itertools.chain(itertools.chain.from_iterable((s, s) for s in seconds), itertools.repeat(seconds[-1]))

    def call() -> None:
        clock.now += next(lengths)

    return Kernel(what, work, call)


def test_the_fastest_repetition_of_the_fastest_kernel_counts() -> None:
    clock = Clock()
    kernels = [kernel(clock, [0.5, 0.1, 0.5]), kernel(clock, [0.2]), kernel(clock, [0.25], what=64)]
    assert settled(kernels, clock) == pytest.approx({"float32": 1000 / 0.1, 64: 1000 / 0.25})


def test_two_windows_are_enough_on_a_quiet_machine() -> None:
    clock = Clock()
    settled([kernel(clock, [0.01])], clock)
    assert 2.0 <= clock.now < 2.2


def test_a_machine_that_still_gets_faster_is_given_more_time_up_to_a_limit() -> None:
    clock = Clock()
    settled([kernel(clock, [0.1 * 0.99**i for i in range(1000)])], clock)
    assert WINDOWS - 0.1 <= clock.now < WINDOWS + 1.5


def test_a_call_that_waits_for_what_is_set_up_once_is_not_timed() -> None:
    clock, lengths = Clock(), iter([9.0, 0.1])

    def call() -> None:
        clock.now += next(lengths)

    once = Kernel("float32", 1, call)
    assert once.time(clock) == pytest.approx(0.1)


def test_larger_products_are_tried_only_while_they_are_short() -> None:
    clock = Clock()
    sizes = list(larger_while_short(lambda n: kernel(clock, [(n / 256) ** 3 * 1e-4], work=n), clock))
    assert [made.work for made in sizes] == [256, 512, 1024]  # .1, .8 and 6.4 ms
    slow = list(larger_while_short(lambda n: kernel(clock, [1.0], work=n), clock))
    assert [made.work for made in slow] == [256]


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, AttributeError])
def test_an_operator_that_the_machine_does_not_have_gives_no_kernel(error: type[Exception]) -> None:
    def missing(_: int) -> Kernel:
        raise error("could not run")

    assert list(larger_while_short(missing, Clock())) == []


def test_a_number_type_without_a_kernel_is_none_and_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, threads = Clock(), torch.get_num_threads()
    monkeypatch.setattr(peak, "products", lambda: iter([lambda n: kernel(clock, [0.1], work=2 * n**3)]))
    monkeypatch.setattr(peak, "streams", lambda: iter([kernel(clock, [0.1], size, size) for size in peak.WORKING_SETS]))
    try:
        made = measure_peak(clock, 1)
    finally:
        torch.set_num_threads(threads)
    assert dict(made.flops_per_s) == {
        "float32": pytest.approx(2 * 256**3 / 0.1),
        "bfloat16": None,
        "float16": None,
        "int8": None,
    }
    assert made.bytes_per_s == tuple((size, pytest.approx(size / 0.1)) for size in peak.WORKING_SETS)
    assert made.reason is None


def test_several_threads_are_given_the_rate_of_one_where_they_keep_each_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, threads = Clock(), torch.get_num_threads()

    def call() -> None:
        clock.now += 0.1 if torch.get_num_threads() == 1 else 5.0

    monkeypatch.setattr(peak, "products", lambda: iter([lambda n: Kernel("float32", 1000, call)]))
    monkeypatch.setattr(peak, "streams", lambda: iter([kernel(clock, [0.1], size, size) for size in peak.WORKING_SETS]))
    try:
        made = measure_peak(clock, 2)
    finally:
        torch.set_num_threads(threads)
    assert dict(made.flops_per_s)["float32"] == pytest.approx(1000 / 0.1)
    assert made.threads == 2


def test_the_kernels_are_there_and_do_the_work_that_they_are_counted_for() -> None:
    made = [make(16) for make in peak.products()]
    assert {kernel.work for kernel in made} == {2 * 16**3}
    assert {kernel.what for kernel in made} == {"float32", "bfloat16", "float16", "int8"}
    for each in made:
        assert tuple(each.call().shape) == (16, 16)  # type: ignore[attr-defined]
    assert fastest([Kernel("int8", 10, print, 2.0), Kernel("int8", 10, print, 4.0)]) == {"int8": 5.0}
