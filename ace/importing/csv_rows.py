"""CSV of session, timing, arm, seconds and order, for tools that have no format of their own here.

One of the readers of `formats`. Session and timing say which calls belong together, so nothing is paired by its place
in the file.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence

from ace.errors import DataError
from ace.importing.arms import (
    ALTERNATING,
    BLOCKED,
    INTERLEAVED,
    UNKNOWN,
    Arm,
    Pair,
    order_of_calls,
    require_time,
    two_of,
)

COLUMNS = ("session", "timing", "arm", "seconds")
MOST_COLUMNS = 100
"""Of a header: five are read."""
WORDS = (INTERLEAVED, ALTERNATING, BLOCKED, UNKNOWN)
Place = tuple[int, int]
"""(session, timing)"""
Calls = Mapping[Place, tuple[float, str]]
"""Seconds and order of each call of one arm."""


def read_csv(text: str, baseline: str | None, candidate: str | None) -> Pair:
    """Rows of session, timing, arm, seconds and, where known, order: a word, or the call's position in its session.

    Raises DataError, also for interleaved calls of one arm that have no partner in the other.
    """
    found = _rows(text)
    if {"baseline", "candidate"} <= set(found):
        baseline, candidate = baseline or "baseline", candidate or "candidate"
    names = two_of(found, baseline, candidate)
    one, other = (found[name] for name in names)
    order, reason = _order(one, other)
    first, second = (Arm(name, _table(found[name])) for name in names)
    return Pair("csv", first, second, order, reason)


def _rows(text: str) -> dict[str, dict[Place, tuple[float, str]]]:
    """Row after row: of each only the columns that are asked for are kept, however many there are."""
    reader = csv.reader(io.StringIO(text))
    header = next(reader, [])
    if len(header) > MOST_COLUMNS:
        raise DataError(f"the CSV has more than {MOST_COLUMNS} columns; expected {', '.join(COLUMNS)} and order")
    where = {name: place for place, name in enumerate(header)}
    if twice := sorted({name for name in header if name in (*COLUMNS, "order") and header.count(name) > 1}):
        raise DataError(f"the CSV has two columns {', '.join(twice)}; expected each once")
    missing = [column for column in COLUMNS if column not in where]
    if missing:
        raise DataError(f"the CSV lacks {', '.join(missing)}; expected columns {', '.join(COLUMNS)} and order")
    session_at, timing_at, arm_at, seconds_at = (where[column] for column in COLUMNS)
    order_at = where.get("order")
    found: dict[str, dict[Place, tuple[float, str]]] = defaultdict(dict)
    for row in filter(None, reader):
        line = f"line {reader.line_num}"
        if len(row) <= max(session_at, timing_at, arm_at, seconds_at):
            raise DataError(f"{line} has {len(row)} field(s); expected one for each of {', '.join(COLUMNS)}")
        if len(row) > len(header):  # as where a decimal comma makes two of one
            raise DataError(f"{line} has {len(row)} fields, its header {len(header)}; expected one for each column")
        place, arm, seconds = (int(row[session_at]), int(row[timing_at])), row[arm_at], float(row[seconds_at])
        if "_" in f"{row[session_at]}{row[timing_at]}{row[seconds_at]}":  # 1_0 to Python is 10, and to nobody else
            raise DataError(f"{line} holds a number with an underscore")
        if place in found[arm]:
            raise DataError(f"{line}: {arm} session {place[0]}, timing {place[1]} stands there twice")
        require_time(seconds, f"{line}: {arm} session {place[0]}, timing {place[1]}")
        found[arm][place] = (seconds, row[order_at].strip() if order_at is not None and order_at < len(row) else "")
    if not found:
        raise DataError(f"the CSV lacks any row; expected columns {', '.join(COLUMNS)} and order")
    return found


def _table(calls: Calls) -> tuple[tuple[float, ...], ...]:
    rows: dict[int, list[float]] = defaultdict(list)
    for place in sorted(calls):
        rows[place[0]].append(calls[place][0])
    return tuple(tuple(rows[session]) for session in sorted(rows))


def _order(baseline: Calls, candidate: Calls) -> tuple[str, str]:
    said = {order for calls in (baseline, candidate) for _, order in calls.values()}
    if len(said) == 1 and (word := next(iter(said))) in WORDS:
        if word == INTERLEAVED:
            _require_partners(baseline, candidate)
        return word, "as the file says"
    if not all(order.isdigit() for order in said):
        return UNKNOWN, "the file does not say one order for all its rows"
    _require_partners(baseline, candidate)
    sessions: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for place in sorted(baseline):
        sessions[place[0]].append((int(baseline[place][1]), int(candidate[place][1])))
    return order_of_calls(tuple(sessions.values()))


def _require_partners(baseline: Calls, candidate: Calls) -> None:
    """Calls are paired by session and timing, and every two timings are a block: a gap would pair strangers."""
    for arm, lonely in (("candidate", set(baseline) - set(candidate)), ("baseline", set(candidate) - set(baseline))):
        if lonely:
            session, timing = min(lonely)
            raise DataError(
                f"session {session}, timing {timing} has no {arm}: drop both rounds of its block and number what is "
                "left without a gap, or say that the order is unknown"
            )
    timings: dict[int, list[int]] = defaultdict(list)
    for session, timing in sorted(baseline):
        timings[session].append(timing)
    for session, seen in timings.items():
        _require_whole_blocks(session, seen)


def _require_whole_blocks(session: int, seen: Sequence[int]) -> None:
    start = min(seen)
    gap = next((start + i for i, timing in enumerate(seen) if timing != start + i), None)
    if gap is not None:
        raise DataError(
            f"session {session} has no timing {gap} but later ones: number the timings of whole blocks from "
            f"{start} up without a gap, or say that the order is unknown"
        )
