"""Two named tables of seconds: which of a file's benchmarks they are, and in which order they ran.

Second step of an import, shared by every format.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ace.domain.plausible import LEAST_S, MOST
from ace.errors import DataError

T = TypeVar("T")
Table = tuple[tuple[float, ...], ...]
"""(sessions, timings) seconds"""
BLOCKED, ALTERNATING, INTERLEAVED, UNKNOWN = "blocked", "alternating", "interleaved", "unknown"


@dataclass(frozen=True, slots=True)
class Arm:
    """One benchmark of a file: its name there, and its timings, each one that a clock can have read."""

    name: str
    seconds: Table

    def __post_init__(self) -> None:
        for session, timings in enumerate(self.seconds):
            for timing, seconds in enumerate(timings):
                require_time(seconds, f"{self.name}, session {session}, timing {timing}")
        if not any(self.seconds):
            raise DataError(f"{self.name} holds no timing")
        if not all(self.seconds):
            empty = next(session for session, timings in enumerate(self.seconds) if not timings)
            raise DataError(f"{self.name}, session {empty} holds no timing; leave out what was not measured")


def require_time(seconds: float, place: str) -> None:
    """Refuse what no record may hold.  Raises DataError naming the place."""
    if not LEAST_S <= seconds <= MOST:
        raise DataError(f"{place} is {seconds:.6g}; expected seconds above 0, from {LEAST_S:g} to {MOST:.3g}")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms as a file holds them. `order_reason` says how `order` is known, or why it is not."""

    tool: str
    baseline: Arm
    candidate: Arm
    order: str
    order_reason: str


def two_of(found: Mapping[str, T], baseline: str | None, candidate: str | None) -> tuple[str, str]:
    """The names of baseline and candidate among `found`: those asked for, or the only two, in the file's order."""
    for asked in (baseline, candidate):
        if asked is not None and asked not in found:
            raise DataError(f"no benchmark {asked!r} in the file; it holds: {', '.join(found) or 'none'}")
    if baseline is not None and candidate is not None:
        if baseline == candidate:
            raise DataError(f"{baseline!r} cannot be compared with itself; name two benchmarks")
        return baseline, candidate
    if len(found) != 2:
        raise DataError(
            f"the file holds {len(found)} benchmark(s) ({', '.join(found) or 'none'}); name two of them with "
            "--baseline and --candidate"
        )
    first, second = found
    if baseline is not None:
        return baseline, second if baseline == first else first
    return (first if candidate != first else second), candidate or second


def order_of_processes(baseline: Sequence[float | None], candidate: Sequence[float | None]) -> tuple[str, str]:
    """The order of processes that ran one arm each, from when they started; and how it is known."""
    if not baseline or not candidate or any(moment is None for moment in (*baseline, *candidate)):
        return UNKNOWN, "the file does not say when each process started"
    if len({*baseline, *candidate}) < len(baseline) + len(candidate):
        return UNKNOWN, "two processes have the same starting time"
    moments = sorted([(m or 0.0, "b") for m in baseline] + [(m or 0.0, "c") for m in candidate])
    arms = "".join(arm for _, arm in moments)
    if "bc" * (len(arms) // 2) == arms or "cb" * (len(arms) // 2) == arms or _in_pairs(arms):
        return ALTERNATING, "processes of the two arms took turns, by their starting times"
    if len(set(arms[: len(baseline)])) == 1 or len(set(arms[: len(candidate)])) == 1:
        return BLOCKED, "all processes of one arm ran before the other's, by their starting times"
    return UNKNOWN, "the starting times show no regular turns"


def _in_pairs(arms: str) -> bool:
    """Whether every two neighbours are one process of each arm, in whatever order."""
    return len(arms) % 2 == 0 and all({arms[i], arms[i + 1]} == {"b", "c"} for i in range(0, len(arms), 2))


def order_of_calls(sessions: Sequence[Sequence[tuple[int, int]]]) -> tuple[str, str]:
    """The order within processes, from the positions (baseline, candidate) of each pair of calls, by session."""
    for pairs in sessions:
        positions = sorted(position for pair in pairs for position in pair)
        if len(set(positions)) != len(positions):
            return UNKNOWN, "two calls of a session have the same position"
    if all(
        max(b for b, _ in pairs) < min(c for _, c in pairs) or max(c for _, c in pairs) < min(b for b, _ in pairs)
        for pairs in sessions
        if len(pairs) > 1
    ) and any(len(pairs) > 1 for pairs in sessions):
        return BLOCKED, "within a session all calls of one arm come before the other's, by their positions"
    if all(_mirrored(pairs) for pairs in sessions) and any(len(pairs) > 1 for pairs in sessions):
        return INTERLEAVED, "rounds 2k and 2k+1 were one block in mirrored order, by the positions of the calls"
    return UNKNOWN, "the positions of the calls are not those of mirrored blocks"


def _mirrored(pairs: Sequence[tuple[int, int]]) -> bool:
    """Whether each two rounds are one run of calls, the second in reverse: the mean position of both arms is the same,
    and no call of another round lies between. An odd last round belongs to no block."""
    end = -1
    for first, second in zip(pairs[::2], pairs[1::2], strict=False):
        if sum(first) >= sum(second) or max(first) > min(second) or first[0] + second[0] != first[1] + second[1]:
            return False
        if min(first) <= end:
            return False
        end = max(second)
    return True
