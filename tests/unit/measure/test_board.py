"""What is asked of a CUDA board, against a stand-in for torch: no test here has met a real one."""

from types import SimpleNamespace

import pytest
import torch

from ace.domain.workload import Batch
from ace.measure import board
from ace.measure.timing import CPU_CLOCKS, Clocks, time_calls


class Library:
    """Says what it was asked, in order."""

    uint8 = "uint8"

    def __init__(self, l2_bytes=None, held=0):
        self.told = []
        properties = SimpleNamespace(**({} if l2_bytes is None else {"L2_cache_size": l2_bytes}))

        class CUDAGraph:
            def replay(self):
                return "replayed"

        self.cuda = SimpleNamespace(
            get_device_properties=lambda _: properties,
            synchronize=lambda _: self.told.append("synchronize"),
            empty_cache=lambda: self.told.append("empty"),
            reset_peak_memory_stats=lambda _: self.told.append("reset"),
            max_memory_allocated=lambda _: held,
            CUDAGraph=CUDAGraph,
        )

    def empty(self, size, dtype, device):
        self.told.append((size, dtype, device))
        return SimpleNamespace(zero_=lambda: self.told.append("zero"))


@pytest.mark.parametrize(("l2_bytes", "written"), [(50_000_000, 100_000_000), (None, 256_000_000), (0, 256_000_000)])
def test_twice_the_cache_is_written_or_more_than_any_has_where_torch_does_not_say(l2_bytes, written):
    library = Library(l2_bytes)
    flush = board.flushing("cuda:1", library)
    assert library.told == [(written, "uint8", "cuda:1")]
    flush()
    assert library.told[1:] == ["zero"]


def test_a_flush_comes_before_every_call_and_outside_of_what_the_clocks_read():
    told = []

    def says(text):
        return lambda *_: told.append(text) or float(len(told))

    clocks = Clocks(says("wall"), says("cpu"), settle=says("settle"), flush=says("flush"))
    made = time_calls(says("call"), [Batch(0, 0)] * 2, clocks)
    assert told == 2 * ["flush", "settle", "cpu", "wall", "call", "settle", "wall", "cpu"]
    assert (made.wall_s, len(made.outputs)) == (3.0, 2)  # three steps of the told clock between its two readings


class Event:
    """Dates itself as the device comes to it: `at_ms` counts in milliseconds."""

    def __init__(self, told, at_ms):
        self.told, self.at_ms, self.date = told, at_ms, None

    def record(self):
        self.told.append("mark")
        self.date = self.at_ms()

    def synchronize(self):
        self.told.append("wait")

    def elapsed_time(self, later):
        return later.date - self.date


def dated(told, at_ms):
    cuda = SimpleNamespace(Event=lambda enable_timing: Event(told, at_ms) if enable_timing else None)
    return board.events("cuda:0", SimpleNamespace(cuda=cuda))


def test_the_board_marks_what_the_other_clocks_read_and_costs_no_call_anything():
    told = []

    def says(text):
        return lambda *_: told.append(text) or float(len(told))

    events = dated(told, lambda: 1000.0 * len(told))
    clocks = Clocks(says("wall"), says("cpu"), settle=says("settle"), events=events)
    made = time_calls(says("call"), [Batch(0, 0)] * 2, clocks)
    around = ["settle", "mark", "cpu", "wall"]
    assert told == [*around, "call", "settle", "call", "settle", "wall", "cpu", "mark", "wait"]
    assert made.device_s == (11 - 2) / 2  # told between the two marks, and a call


def test_of_flushed_calls_the_board_dates_each_by_itself():
    told, clock_ms = [], [0.0]

    def call(*_):
        clock_ms[0] += 5.0

    def flush():
        clock_ms[0] += 70.0

    events = dated(told, lambda: clock_ms[0])
    clocks = Clocks(lambda: clock_ms[0] / 1e3, lambda: 0.0, flush=flush, events=events)
    made = time_calls(call, [Batch(0, 0)] * 3, clocks)
    assert told == 3 * ["mark", "mark", "wait"]
    assert made.device_s == pytest.approx(0.005)
    assert made.wall_s == pytest.approx(0.005)


def test_a_processor_has_no_clock_of_its_own_beside_the_one_that_is_read():
    assert board.events("cpu") is None
    assert board.clocks_of("cpu") == CPU_CLOCKS


def test_the_peak_is_reset_once_what_was_freed_is_back_and_read_once_all_work_is_done():
    library = Library(held=123)
    board.reset_peak("cuda", library)
    assert board.peak_bytes("cuda", library) == 123
    assert library.told == ["synchronize", "empty", "reset", "synchronize"]


def test_replays_of_graphs_are_counted_within_and_the_class_is_left_as_it_was():
    library = Library()
    before = library.cuda.CUDAGraph.replay
    graph = library.cuda.CUDAGraph()
    with board.counting_replays("cuda", library) as replays:
        assert [graph.replay(), graph.replay()] == ["replayed", "replayed"]
    assert replays() == 2
    assert library.cuda.CUDAGraph.replay is before
    graph.replay()
    assert replays() == 2


def test_an_arm_that_fails_leaves_the_class_as_it_was_too():
    library = Library()
    before = library.cuda.CUDAGraph.replay
    with pytest.raises(RuntimeError), board.counting_replays("cuda", library):
        raise RuntimeError("out of memory")
    assert library.cuda.CUDAGraph.replay is before


def test_a_processor_has_no_board_to_flush_reset_or_count_on():
    assert board.flushing("cpu") is None
    board.reset_peak("cpu")
    assert board.peak_bytes("cpu") is None
    with board.counting_replays("cpu") as replays:
        pass
    assert replays() is None


def test_the_graphs_of_torch_have_the_method_that_is_counted():
    assert callable(torch.cuda.CUDAGraph.replay)
