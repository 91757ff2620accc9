"""Numbers that a record may hold and nothing can have measured: a negative duration, a call counted less than once.

Types are checked where a value is built, and for timings their sign as well. What else has a sign is asked here, by
whoever reads a record that somebody may have written by hand (`ace.tracking.reader`, `ace.report.carried`): such a
number would make a claim look better, as a preparation of -1 s does, or end in arithmetic that has no answer.
`ready_s` and the times of day are not asked for: they come from a clock that may be set (gate integrity looks at them).
"""

from collections.abc import Iterator

from ace.domain.record import CellRecord
from ace.domain.session import Session

MOST = 2.0**63
"""Of anything: more than a processor counts to."""
Reading = tuple[str, float | None, float]
"""Where a number stands, the number (None where nothing was measured), and the least that it can be."""


def impossible(record: CellRecord) -> str | None:
    """The first number of `record` that cannot be, with its place; None when all can."""
    for place, value, least in _readings(record):
        if value is not None and not least <= value <= MOST:
            shown = f"{value:.6g}" if value <= MOST else "too large to be counted"  # an int may be no float at all
            return f"{place} is {shown}: nothing can have measured that"
    return None


def _readings(record: CellRecord) -> Iterator[Reading]:
    yield "first_prepare_s", record.first_prepare_s, 0.0
    yield from ((f"memory of {use.arm}", use.peak_bytes, 1) for use in record.memory)
    yield from ((f"memory of {use.arm} on its board", use.device_peak_bytes, 0) for use in record.memory)
    if record.peak is not None:
        yield from ((f"peak in {dtype}", rate, 1) for dtype, rate in record.peak.flops_per_s)
        for size, rate in record.peak.bytes_per_s:
            yield from (("working set of the peak", size, 1), ("peak in bytes", rate, 1))
    for session in record.sessions:
        yield from ((f"session {session.index}: {place}", value, least) for place, value, least in _of(session))


def _of(session: Session) -> Iterator[Reading]:
    yield "its index", session.index, 0
    yield "calls_per_timing", session.calls_per_timing, 1
    for name in ("measuring_s", "timed_s", "prepare_s", "peak_rss_bytes"):
        yield name, getattr(session, name), 0
    yield "clock_resolution_s", session.environment.clock_resolution_s, 0
    for timings in session.timings:
        yield f"longest wall time of {timings.arm}", max(timings.wall_s, default=None), 0
        yield f"least device time of {timings.arm}", min(timings.device_s or (), default=None), 0
        yield f"most device time of {timings.arm}", max(timings.device_s or (), default=None), 0
        yield f"least CPU time of {timings.arm}", min(timings.cpu_s, default=None), 0
        yield f"most CPU time of {timings.arm}", max(timings.cpu_s, default=None), 0
    yield from ((f"parameters of {state.arm}", state.parameters, 0) for state in session.arms)
    yield from ((f"CUDA graphs of {state.arm}", state.cuda_graphs, 0) for state in session.arms)
    # what an executor says of itself may be wrong, and rules say so; it must be a number that they can reckon with
    yield from (("a declared count of tokens", count, -MOST) for count in session.declared_tokens_per_layer or ())
    for seen in session.witness:
        yield from ((f"tokens of {seen.arm}", count, 0) for count in seen.tokens_per_layer or ())
        yield f"bytes of {seen.arm}", seen.least_bytes, 0
        yield f"operations of {seen.arm}", seen.flops, 0
        yield f"full_token_share of {seen.arm}", seen.full_token_share, 0
