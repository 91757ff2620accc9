"""Files of other tools to two named tables of seconds: one reader a format. First step of an import.

pyperf JSON (pyperf docs, "API: JSON"), hyperfine --export-json, Google Benchmark --benchmark_format=json,
torch.utils.benchmark `.times` as JSON, CSV with session, timing, arm, seconds, order. A file is a stranger's: its size
is bounded, nothing in it is executed, and what does not fit is one DataError that names the place.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ace.domain.parsing import MOST_BYTES, parse_json
from ace.errors import DataError, EvidenceError
from ace.importing.arms import BLOCKED, UNKNOWN, Arm, Pair, order_of_processes, two_of
from ace.importing.csv_rows import read_csv

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def read(content: bytes, format_name: str, baseline: str | None = None, candidate: str | None = None) -> Pair:
    """The two arms of a file.  Raises DataError for what is not such a file, or does not hold two arms."""
    if len(content) > MOST_BYTES:
        raise DataError(f"the file has {len(content)} bytes; more than {MOST_BYTES} are not read")
    if content[:1] == b"\x80" or content[:2] == b"PK":
        raise DataError(
            "this is a pickle, and opening a pickle runs whatever it says; save the times instead: "
            'json.dump({"baseline": a.times, "candidate": b.times}, file)'
        )
    try:
        return READERS[format_name](content.decode("utf-8-sig"), baseline, candidate)
    except (EvidenceError, UnicodeDecodeError, csv.Error, RecursionError) as error:
        raise DataError(f"the file is no {format_name} file: {type(error).__name__}: {str(error)[:120]}") from error
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError) as error:
        raise DataError(f"the file is no {format_name} file: it lacks or garbles {str(error)[:120]}") from error


def _arm(place: str, sessions: Any) -> Arm:
    """Lists of numbers only; text and truth values that Python would take for numbers are none."""
    for session, timings in enumerate(sessions):
        for timing, value in enumerate(timings):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise DataError(f"{place}, session {session}, timing {timing} is {value!r}; expected seconds above 0")
    return Arm(place, tuple(tuple(float(value) for value in timings) for timings in sessions))


def _pyperf(text: str, baseline: str | None, candidate: str | None) -> Pair:
    """A run is a process, and its values are seconds per loop; calibration runs have none."""
    document = parse_json(text)
    common = document.get("metadata", {})
    found: dict[str, list[Any]] = {}
    for benchmark in document["benchmarks"]:
        name = _new(str({**common, **benchmark.get("metadata", {})}["name"]), found)
        found[name] = [run for run in benchmark["runs"] if run.get("values")]
    names = two_of(found, baseline, candidate)
    first, second = (_arm(name, [run["values"] for run in found[name]]) for name in names)
    starts = [[_moment(run.get("metadata", {}).get("date")) for run in found[name]] for name in names]
    order, reason = order_of_processes(*starts)
    return Pair("pyperf", first, second, order, reason)


def _new(name: str, found: Mapping[str, Any]) -> str:
    """A benchmark's name, unless the file has it already: which of two is meant nobody could say."""
    if name in found:
        raise DataError(f"the file holds two benchmarks named {name!r}; give each a name of its own where it is run")
    return name


def _moment(date: object) -> float | None:
    if not isinstance(date, str):
        return None
    return datetime.fromisoformat(date).timestamp()


def _hyperfine(text: str, baseline: str | None, candidate: str | None) -> Pair:
    """Every timing is a fresh process; hyperfine finishes one command before it starts the next."""
    found: dict[str, Any] = {}
    for result in parse_json(text)["results"]:
        found[_new(str(result["command"]), found)] = result["times"]
    names = two_of(found, baseline, candidate)
    first, second = (_arm(name, [[seconds] for seconds in found[name]]) for name in names)
    return Pair("hyperfine", first, second, BLOCKED, "hyperfine runs all of one command before the next")


def _google_benchmark(text: str, baseline: str | None, candidate: str | None) -> Pair:
    """Repetitions within one process: a session of its own, whatever their number."""
    document = parse_json(text)
    found: dict[str, list[float]] = defaultdict(list)
    for entry in document["benchmarks"]:
        if entry.get("run_type", "iteration") == "iteration":
            name = str(entry.get("run_name", entry["name"]))
            found[name].append(entry["real_time"] * SECONDS[entry.get("time_unit", "ns")])
    names = two_of(found, baseline, candidate)
    first, second = (_arm(name, [found[name]]) for name in names)
    reason = "the file does not say whether repetitions were interleaved (--benchmark_enable_random_interleaving)"
    return Pair("google-benchmark", first, second, UNKNOWN, reason)


def _torch(text: str, baseline: str | None, candidate: str | None) -> Pair:
    """{name: times} or {name: [times, times ...]}, one list a process."""
    document = parse_json(text)
    found: Mapping[str, Any] = {str(name): times for name, times in dict(document).items()}
    names = two_of(found, baseline, candidate)
    first, second = (_arm(name, found[name] if isinstance(found[name][0], list) else [found[name]]) for name in names)
    return Pair("torch", first, second, UNKNOWN, "a list of times does not say in which order it was taken")


READERS: Mapping[str, Callable[[str, str | None, str | None], Pair]] = {
    "pyperf": _pyperf,
    "hyperfine": _hyperfine,
    "google-benchmark": _google_benchmark,
    "torch": _torch,
    "csv": read_csv,
}
