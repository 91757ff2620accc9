"""The most that this machine can do: FLOP/s by number type and bytes/s by working set, for the roofline.

Williams, Waterman & Patterson 2009, "Roofline". Carried out by `worker` for a peak order, in a process of its own into
which no foreign code was loaded, with the threads of a session; the parent remembers the answer (`machine`). The
skeptic blocks what is faster, so a peak that is too low would accuse the honest:

- Of all kernels that torch has for a number type the fastest counts. Two libraries differ by more than any noise: with
  one thread of an AMD EPYC (Zen 5) `mm` of float32 reaches 114 GFLOP/s and oneDNN, on the same numbers, 250.
- Of all repetitions the fastest counts; the smallest take less than a scheduler's time slice. All kernels take turns,
  so that a disturbance does not meet one of them alone, and as long as the fastest still get faster (a busy machine)
  it goes on, up to a limit.
- A working set is read (sum) and copied (STREAM's copy, McCalpin 1995), each time right after it was read or copied
  before: what fits into a cache is then read from there. On the machine above 8 MiB come at 120 GB/s and 256 MiB at 41.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from ace.domain.record import Peak
from ace.measure.timing import Clock

WINDOW_S, WINDOWS = 1.0, 6  # at least two, 2 s; more only where a window still finds something faster
SETTLED = 0.02  # a rate that rises by less from one window to the next: noise of a quiet machine
LEAST_ROUNDS = 3
SIZES = (256, 512, 1024, 2048, 4096)  # of square matrices
LARGER_BELOW_S = 0.001  # where a product takes longer than this, eight times the work would show nothing new
WORKING_SETS = tuple(mib * 2**20 for mib in (8, 32, 128, 256))
"""Bytes. The smallest is beyond the caches of a single core, which a sum does not saturate."""
FLOATS = (torch.float32, torch.bfloat16, torch.float16)
NUMBER_TYPES = ("float32", "bfloat16", "float16", "int8")
UNAVAILABLE = (RuntimeError, NotImplementedError, AttributeError)
"""What torch raises for an operator that this build or this processor does not have."""

Call = Callable[[], object]


@dataclass(slots=True)
class Kernel:
    """`work`: FLOPs or bytes of one call; `what`: the number type or the working set that it is counted for."""

    what: str | int
    work: int
    call: Call
    best_s: float = math.inf

    def time(self, clock: Clock) -> float:
        """Seconds of one call right after another; the fastest is kept."""
        self.call()
        start = clock()
        self.call()
        taken = clock() - start
        self.best_s = min(self.best_s, taken)
        return taken


def measure_peak(clock: Clock, threads: int) -> Peak:
    """The peak of this process, in about 2 s on a quiet machine.  `clock`: monotonic seconds."""
    with torch.inference_mode():
        kernels = [*streams(), *(kernel for make in products() for kernel in larger_while_short(make, clock))]
        for count in dict.fromkeys((threads, 1)):  # several can do what one can, also while others keep them waiting
            torch.set_num_threads(count)
            rates = settled(kernels, clock)
    return Peak(
        threads=threads,
        flops_per_s=tuple((name, rates.get(name)) for name in NUMBER_TYPES),
        bytes_per_s=tuple((size, rates[size]) for size in WORKING_SETS),
        reason=None,
    )


def settled(kernels: Sequence[Kernel], clock: Clock) -> dict[str | int, float]:
    """The fastest rates, once a window finds nothing faster or the last window is over."""
    rates: dict[str | int, float] = {}
    for _ in range(WINDOWS):
        before = rates
        take_turns(kernels, clock)
        rates = fastest(kernels)
        if all(rate <= before.get(what, 0.0) * (1 + SETTLED) for what, rate in rates.items()):
            break
    return rates


def take_turns(kernels: Sequence[Kernel], clock: Clock) -> None:
    """Time every kernel once a round until a window is over, at least `LEAST_ROUNDS` times."""
    end, rounds = clock() + WINDOW_S, 0
    while rounds < LEAST_ROUNDS or clock() < end:
        for kernel in kernels:
            kernel.time(clock)
        rounds += 1


def fastest(kernels: Sequence[Kernel]) -> dict[str | int, float]:
    """Work per second by what it was counted for, of the best call of the best kernel."""
    rates: dict[str | int, float] = {}
    for kernel in kernels:
        rates[kernel.what] = max(rates.get(kernel.what, 0.0), kernel.work / kernel.best_s)
    return rates


def larger_while_short(make: Callable[[int], Kernel], clock: Clock) -> Iterator[Kernel]:
    """Kernels of growing size, none where the machine does not have this one."""
    for size in SIZES:
        try:
            kernel = make(size)
            taken = kernel.time(clock)
        except UNAVAILABLE:
            return
        yield kernel
        if taken > LARGER_BELOW_S:
            return


def products() -> Iterator[Callable[[int], Kernel]]:
    """Every way that torch has to multiply two matrices of a number type; each makes a kernel for n x n."""
    yield from (partial(_mm, dtype) for dtype in FLOATS)
    yield from (_onednn, _int_mm, _quantized)


def _mm(dtype: torch.dtype, n: int) -> Kernel:
    x, y, out = torch.ones(n, n, dtype=dtype), torch.ones(n, n, dtype=dtype), torch.empty(n, n, dtype=dtype)
    return Kernel(str(dtype).removeprefix("torch."), 2 * n**3, partial(torch.mm, x, y, out=out))


def _onednn(n: int) -> Kernel:
    x, y = torch.ones(n, n).to_mkldnn(), torch.ones(n, n).to_mkldnn()
    return Kernel("float32", 2 * n**3, partial(torch.ops.aten.mkldnn_linear, x, y))


def _int_mm(n: int) -> Kernel:
    x, y = torch.ones(n, n, dtype=torch.int8), torch.ones(n, n, dtype=torch.int8)
    return Kernel("int8", 2 * n**3, partial(torch._int_mm, x, y))


def _quantized(n: int) -> Kernel:
    with warnings.catch_warnings():  # deprecated, and still the fastest way to int8 on some processors
        warnings.filterwarnings("ignore", r"torch\.quantize_per_tensor, .* are deprecated", UserWarning)
        x, weights = torch.ones(n, n), torch.quantize_per_tensor(torch.ones(n, n), 0.1, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(weights, None)
    return Kernel("int8", 2 * n**3, partial(torch.ops.quantized.linear_dynamic, x, packed, True))


def streams() -> Iterator[Kernel]:
    """Reading and copying the first bytes of one buffer, working set by working set."""
    buffer = torch.ones(WORKING_SETS[-1] // 4)
    for size in WORKING_SETS:
        part = buffer[: size // 4]
        to, source = part.chunk(2)
        yield Kernel(size, size, part.sum)
        yield Kernel(size, size, partial(to.copy_, source))  # half is read, half is written
