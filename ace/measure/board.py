"""What measuring asks of a CUDA board: that it settles, its own clock, its L2 cache flushed, the most memory that was
held, and who replays graphs.

Used by `session` and `alone` (clocks, graphs) and `memory`. Arms run on the processor in this version, where none
of it has anything to do; it is tested with a stand-in for torch and has never met a real board.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from ace.domain.session import is_board
from ace.measure import timing

L2_UNKNOWN_BYTES = 256_000_000
"""Larger than any L2 cache sold (126 MB, NVIDIA B200); what triton.testing.do_bench clears."""


def settling(device: str) -> Callable[[], None]:
    """How to wait for `device`. On CUDA for the whole device: a stream of the candidate's own is waited for as well.
    Written for a GPU and tested with a fake one; it has never run on a real one."""
    return torch.cuda.synchronize if is_board(device) else timing.nothing


def flushing(device: str, library: Any = torch) -> Callable[[], None] | None:
    """How to empty the L2 cache of `device`: twice its size is written, so that no call finds what the last one left.

    None on a processor: its cache is that of whoever ran before, in mirrored blocks.
    """
    if not is_board(device):
        return None
    size = getattr(library.cuda.get_device_properties(device), "L2_cache_size", 0)
    waste = library.empty(2 * size or L2_UNKNOWN_BYTES, dtype=library.uint8, device=device)

    def flush() -> None:
        waste.zero_()

    return flush


class Events:
    """The clock of a board, which no code of the process can put another in the place of: a pair of CUDA events, used
    again for each timing. They resolve half a microsecond (CUDA Runtime API, cudaEventElapsedTime)."""

    def __init__(self, library: Any) -> None:
        self._first, self._second = (library.cuda.Event(enable_timing=True) for _ in range(2))

    def start(self) -> None:
        """The first mark."""
        self._first.record()

    def stop(self) -> None:
        """The second mark."""
        self._second.record()

    def seconds(self) -> float:
        """Between the two."""
        self._second.synchronize()
        return float(self._first.elapsed_time(self._second)) / 1e3


def events(device: str, library: Any = torch) -> Events | None:
    """The clock of `device`; None on a processor."""
    return Events(library) if is_board(device) else None


def clocks_of(device: str) -> timing.Clocks:
    """What a timing of an arm on `device` reads, waits for and empties."""
    return replace(timing.CPU_CLOCKS, settle=settling(device), flush=flushing(device), events=events(device))


def reset_peak(device: str, library: Any = torch) -> None:
    """From now on the peak is that of what is held now; what was freed goes back to the board first."""
    if is_board(device):
        library.cuda.synchronize(device)
        library.cuda.empty_cache()
        library.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: str, library: Any = torch) -> int | None:
    """Most bytes of tensors held at once since `reset_peak`, those of other streams too; None without a board.

    Allocated, not reserved: what the allocator keeps for later no server needs.
    """
    if not is_board(device):
        return None
    library.cuda.synchronize(device)
    return int(library.cuda.max_memory_allocated(device))


@contextmanager
def counting_replays(device: str, library: Any = torch) -> Iterator[Callable[[], int | None]]:
    """How many CUDA graphs were replayed within; None without a board.

    Every way to one (`torch.compile`, `make_graphed_callables`, by hand) ends in `CUDAGraph.replay`.
    """
    if not is_board(device):
        yield lambda: None
        return
    kind, replays = library.cuda.CUDAGraph, [0]
    replay = kind.replay

    def counted(graph: Any) -> Any:
        replays[0] += 1
        return replay(graph)

    kind.replay = counted
    try:
        yield lambda: replays[0]
    finally:
        kind.replay = replay
