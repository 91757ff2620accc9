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
"""What it is, the number (None where nothing was measured), and the least that it can be."""
Group = tuple[int | None, str | None, tuple[Reading, ...]]
"""Readings of one session (None: of the cell) and of one arm (None: of all): put into words only where one is wrong,
for a record has six hundred."""


def impossible(record: CellRecord) -> str | None:
    """The first number of `record` that cannot be, with its place; None when all can."""
    for session, arm, readings in _readings(record):
        for what, value, least in readings:
            if value is not None and not least <= value <= MOST:
                shown = f"{value:.6g}" if value <= MOST else "too large to be counted"  # an int may be no float at all
                place = what if arm is None else f"{what} of {arm}"
                where = place if session is None else f"session {session}: {place}"
                return f"{where} is {shown}: nothing can have measured that"
    return None


def _readings(record: CellRecord) -> Iterator[Group]:
    yield None, None, (("first_prepare_s", record.first_prepare_s, 0.0),)
    for use in record.memory:
        held, on_board = f"memory of {use.arm}", f"memory of {use.arm} on its board"
        yield None, None, ((held, use.peak_bytes, 1), (on_board, use.device_peak_bytes, 0))
    if record.peak is not None:
        yield None, None, tuple((f"peak in {dtype}", rate, 1) for dtype, rate in record.peak.flops_per_s)
        for size, rate in record.peak.bytes_per_s:
            yield None, None, (("working set of the peak", size, 1), ("peak in bytes", rate, 1))
    for session in record.sessions:
        yield from _of(session)


def _of(session: Session) -> Iterator[Group]:
    index = session.index
    own: list[Reading] = [
        ("its index", index, 0),
        ("calls_per_timing", session.calls_per_timing, 1),
        ("measuring_s", session.measuring_s, 0),
        ("timed_s", session.timed_s, 0),
        ("prepare_s", session.prepare_s, 0),
        ("peak_rss_bytes", session.peak_rss_bytes, 0),
        ("clock_resolution_s", session.environment.clock_resolution_s, 0),
    ]
    # what an executor says of itself may be wrong, and rules say so; it must be a number that they can reckon with
    own += [("a declared count of tokens", count, -MOST) for count in session.declared_tokens_per_layer or ()]
    yield index, None, tuple(own)
    for timings in session.timings:
        on_board = timings.device_s or ()
        readings: tuple[Reading, ...] = (
            ("longest wall time", max(timings.wall_s, default=None), 0),
            ("least device time", min(on_board, default=None), 0),
            ("most device time", max(on_board, default=None), 0),
            ("least CPU time", min(timings.cpu_s, default=None), 0),
            ("most CPU time", max(timings.cpu_s, default=None), 0),
        )
        yield index, timings.arm, readings
    for state in session.arms:
        yield index, state.arm, (("parameters", state.parameters, 0), ("CUDA graphs", state.cuda_graphs, 0))
    for seen in session.witness:
        counts = tuple(("tokens", count, 0) for count in seen.tokens_per_layer or ())
        sizes = (("bytes", seen.least_bytes, 0), ("operations", seen.flops, 0))
        yield index, seen.arm, (*counts, *sizes, ("full_token_share", seen.full_token_share, 0))
