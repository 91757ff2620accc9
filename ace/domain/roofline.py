"""The least time that a machine needs for a call (Williams, Waterman & Patterson 2009, "Roofline").

Used by `ace.measure` (was the machine's peak measured too low?) and `ace.decide` (how close does an arm come, is a
claim too good?). A call takes at the least

    max( sum over number types of FLOPs / peak FLOP/s,  least bytes / peak bytes/s )

with the FLOPs and bytes that the witness counted and the peaks measured with the same threads. Both lie on the careful
side: work that was not seen does not count, and the peaks are the best of all kernels.
"""

from dataclasses import dataclass
from functools import lru_cache

from ace.domain.record import Peak
from ace.domain.session import Witness

NO_PEAK, NO_FLOPS, NO_BYTES = "the machine's peak", "the FLOPs of a call", "the bytes of a call"


@dataclass(frozen=True, slots=True)
class Least:
    """Seconds of one call at the least.

    `compute_s`: its FLOPs at the peak of their number types. `memory_s`: its bytes at the bandwidth of a working set no
    larger than they are. `cached_s`: at the highest bandwidth of any working set, 0 for bytes that may lie in a core's
    own cache. `missing`: what was not known and counts as 0.
    """

    compute_s: float
    memory_s: float
    cached_s: float
    missing: tuple[str, ...]


@lru_cache(maxsize=1024)  # sessions of a cell see the same work, and cells the same machine
def least(seen: Witness | None, peak: Peak | None) -> Least:
    """Of one call that did the work `seen` on a machine with this peak."""
    flops = None if seen is None else seen.flops_by_dtype
    moved = None if seen is None else seen.least_bytes
    missing = [NO_FLOPS] * (flops is None) + [NO_BYTES] * (moved is None)
    if peak is None or peak.reason is not None:
        return Least(0.0, 0.0, 0.0, (NO_PEAK, *missing))
    rates = dict(peak.flops_per_s)
    compute_s = 0.0
    for dtype, count in flops or ():
        rate = rates.get(dtype)
        if rate is None:
            missing.append(f"the peak of {dtype}")
        else:
            compute_s += count / rate
    if not peak.bytes_per_s:
        return Least(compute_s, 0.0, 0.0, (*missing, "the peak of memory"))
    memory_s, cached_s = _moving(moved or 0, peak.bytes_per_s)
    return Least(compute_s, memory_s, cached_s, tuple(missing))


def _moving(moved: int, bandwidths: tuple[tuple[int, float], ...]) -> tuple[float, float]:
    """Seconds for `moved` bytes: by the bandwidth of a working set no larger, and by the highest of all.

    A smaller set is at least as fast, so what was seen with larger ones holds for it too. Below the smallest set
    nothing is known of the caches.
    """
    if moved < bandwidths[0][0]:
        return 0.0, 0.0
    at = max(index for index, (size, _) in enumerate(bandwidths) if size <= moved)
    fastest = max(rate for _, rate in bandwidths)
    return moved / max(rate for _, rate in bandwidths[at:]), moved / fastest


def highest(one: Peak, other: Peak) -> Peak:
    """Rate by rate the higher of two measurements of the same machine by the same code."""
    flops = zip(one.flops_per_s, other.flops_per_s, strict=True)
    moved = zip(one.bytes_per_s, other.bytes_per_s, strict=True)
    return Peak(
        threads=one.threads,
        flops_per_s=tuple((dtype, max(filter(None, (a, b)), default=None)) for (dtype, a), (_, b) in flops),
        bytes_per_s=tuple((size, max(a, b)) for (size, a), (_, b) in moved),
        reason=None,
    )
