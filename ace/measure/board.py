"""What measuring asks of a CUDA board: its L2 cache flushed, the most memory that was held, and who replays graphs.

Used by `session` (clocks, graphs) and `memory`. Arms run on the processor in this version, where none of it has
anything to do; it is tested with a stand-in for torch and has never met a real board.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

L2_UNKNOWN_BYTES = 256_000_000
"""Larger than any L2 cache sold (126 MB, NVIDIA B200); what triton.testing.do_bench clears."""


def is_board(device: str) -> bool:
    """Whether `device`, in torch's words, is one of CUDA's."""
    return device.partition(":")[0] == "cuda"


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
