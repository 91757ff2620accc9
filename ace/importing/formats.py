"""Files of other tools to two named tables of seconds: one reader a format. First step of an import.

pyperf JSON (pyperf docs, "API: JSON"), hyperfine --export-json, Google Benchmark --benchmark_format=json,
torch.utils.benchmark `.times` as JSON, CSV with session, timing, arm, seconds, order. A file is a stranger's: its size
is bounded, nothing in it is executed, and what does not fit is one DataError that names the place.
"""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ace.errors import DataError
from ace.importing.arms import (
    ALTERNATING,
    BLOCKED,
    INTERLEAVED,
    UNKNOWN,
    order_of_calls,
    order_of_processes,
    two_of,
)

SIZE_LIMIT = 64 * 1024 * 1024  # bytes; 1e6 timings take about 25 MB
Table = tuple[tuple[float, ...], ...]
"""(sessions, timings) seconds"""
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
COLUMNS = ("session", "timing", "arm", "seconds")
WORDS = (INTERLEAVED, ALTERNATING, BLOCKED, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Arm:
    """One benchmark of a file: its name there, and its timings."""

    name: str
    seconds: Table


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms as a file holds them. `order_reason` says how `order` is known, or why it is not."""

    tool: str
    baseline: Arm
    candidate: Arm
    order: str
    order_reason: str


def read(content: bytes, format_name: str, baseline: str | None = None, candidate: str | None = None) -> Pair:
    """The two arms of a file.  Raises DataError for what is not such a file, or does not hold two arms."""
    if len(content) > SIZE_LIMIT:
        raise DataError(f"the file has {len(content)} bytes; more than {SIZE_LIMIT} are not read")
    if content[:1] == b"\x80" or content[:2] == b"PK":
        raise DataError(
            "this is a pickle, and opening a pickle runs whatever it says; save the times instead: "
            'json.dump({"baseline": a.times, "candidate": b.times}, file)'
        )
    try:
        return READERS[format_name](content.decode("utf-8"), baseline, candidate)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"the file is no {format_name} file: {type(error).__name__}: {str(error)[:120]}") from error
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise DataError(f"the file is no {format_name} file: it lacks or garbles {str(error)[:120]}") from error


def _arm(place: str, sessions: Any) -> Arm:
    """Numbers only, above 0 and finite."""
    made = tuple(tuple(float(value) for value in timings) for timings in sessions)
    for session, timings in enumerate(made):
        for timing, seconds in enumerate(timings):
            if not 0 < seconds < float("inf"):
                raise DataError(f"{place}, session {session}, timing {timing} is {seconds}; expected seconds above 0")
    if not any(made):
        raise DataError(f"{place} holds no timing")
    return Arm(place, made)


def _pyperf(text: str, baseline: str | None, candidate: str | None) -> Pair:
    """A run is a process, and its values are seconds per loop; calibration runs have none."""
    document = json.loads(text)
    common = document.get("metadata", {})
    found: dict[str, list[Any]] = {}
    for benchmark in document["benchmarks"]:
        name = str({**common, **benchmark.get("metadata", {})}["name"])
        found[name] = [run for run in benchmark["runs"] if run.get("values")]
    names = two_of(found, baseline, candidate)
    first, second = (_arm(name, [run["values"] for run in found[name]]) for name in names)
    starts = [[_moment(run.get("metadata", {}).get("date")) for run in found[name]] for name in names]
    order, reason = order_of_processes(*starts)
    return Pair("pyperf", first, second, order, reason)


def _moment(date: object) -> float | None:
    if not isinstance(date, str):
        return None
    return datetime.fromisoformat(date).timestamp()


def _hyperfine(text: str, baseline: str | None, candidate: str | None) -> Pair:
    """Every timing is a fresh process; hyperfine finishes one command before it starts the next."""
    found = {str(result["command"]): result["times"] for result in json.loads(text)["results"]}
    names = two_of(found, baseline, candidate)
    first, second = (_arm(name, [[seconds] for seconds in found[name]]) for name in names)
    return Pair("hyperfine", first, second, BLOCKED, "hyperfine runs all of one command before the next")


def _google_benchmark(text: str, baseline: str | None, candidate: str | None) -> Pair:
    """Repetitions within one process: a session of its own, whatever their number."""
    document = json.loads(text)
    found: dict[str, list[float]] = defaultdict(list)
    for entry in document["benchmarks"]:
        if entry.get("run_type", "iteration") == "iteration":
            name = str(entry.get("run_name", entry["name"]))
            found[name].append(float(entry["real_time"]) * SECONDS[entry.get("time_unit", "ns")])
    names = two_of(found, baseline, candidate)
    first, second = (_arm(name, [found[name]]) for name in names)
    reason = "the file does not say whether repetitions were interleaved (--benchmark_enable_random_interleaving)"
    return Pair("google-benchmark", first, second, UNKNOWN, reason)


def _torch(text: str, baseline: str | None, candidate: str | None) -> Pair:
    """{name: times} or {name: [times, times ...]}, one list a process."""
    document = json.loads(text)
    found: Mapping[str, Any] = {str(name): times for name, times in dict(document).items()}
    names = two_of(found, baseline, candidate)
    first, second = (_arm(name, found[name] if isinstance(found[name][0], list) else [found[name]]) for name in names)
    return Pair("torch", first, second, UNKNOWN, "a list of times does not say in which order it was taken")


def _csv(text: str, baseline: str | None, candidate: str | None) -> Pair:
    """Rows of session, timing, arm, seconds and, where known, order: a word, or the call's position in its session."""
    rows = list(csv.DictReader(io.StringIO(text)))
    missing = [column for column in COLUMNS if rows and column not in rows[0]] or ([] if rows else ["any row"])
    if missing:
        raise DataError(f"the CSV lacks {', '.join(missing)}; expected columns {', '.join(COLUMNS)} and order")
    found: dict[str, dict[tuple[int, int], tuple[float, str]]] = defaultdict(dict)
    for line, row in enumerate(rows, start=2):
        place = (int(row["session"]), int(row["timing"]))
        if place in found[str(row["arm"])]:
            raise DataError(f"line {line}: {row['arm']} session {place[0]}, timing {place[1]} stands there twice")
        found[str(row["arm"])][place] = (float(row["seconds"]), (row.get("order") or "").strip())
    if {"baseline", "candidate"} <= set(found):
        baseline, candidate = baseline or "baseline", candidate or "candidate"
    names = two_of(found, baseline, candidate)
    arms = [_by_session(found[name]) for name in names]
    first, second = (
        _arm(name, [[seconds for seconds, _ in row] for row in arm]) for name, arm in zip(names, arms, strict=True)
    )
    order, reason = _csv_order(*arms)
    return Pair("csv", first, second, order, reason)


Cells = list[list[tuple[float, str]]]


def _by_session(cells: Mapping[tuple[int, int], tuple[float, str]]) -> Cells:
    rows: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for place in sorted(cells):
        rows[place[0]].append(cells[place])
    return [rows[session] for session in sorted(rows)]


def _csv_order(baseline: Cells, candidate: Cells) -> tuple[str, str]:
    said = {order for arm in (baseline, candidate) for row in arm for _, order in row}
    if len(said) == 1 and (word := next(iter(said))) in WORDS:
        return word, "as the file says"
    if not all(order.isdigit() for order in said):
        return UNKNOWN, "the file does not say one order for all its rows"
    sessions = [
        [(int(b), int(c)) for (_, b), (_, c) in zip(one, other, strict=False)]
        for one, other in zip(baseline, candidate, strict=False)
    ]
    return order_of_calls(sessions)


READERS: Mapping[str, Callable[[str, str | None, str | None], Pair]] = {
    "pyperf": _pyperf,
    "hyperfine": _hyperfine,
    "google-benchmark": _google_benchmark,
    "torch": _torch,
    "csv": _csv,
}
