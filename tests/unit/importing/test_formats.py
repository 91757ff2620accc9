"""Files that pyperf 2.9 and hyperfine 1.15 really wrote (tests/data), and the files that nobody should believe."""

import json
import pickle
from pathlib import Path

import pytest

from ace.errors import DataError
from ace.importing.formats import READERS, read

DATA = Path(__file__).resolve().parents[2] / "data"


def as_csv(rows: list[tuple[object, ...]]) -> bytes:
    return "\n".join(["session,timing,arm,seconds,order", *(",".join(map(str, row)) for row in rows)]).encode()


def test_a_process_of_pyperf_is_a_session_and_its_calibration_is_none():
    pair = read((DATA / "pyperf.json").read_bytes(), "pyperf")
    assert (pair.baseline.name, pair.candidate.name) == ("dense", "pruned")
    assert [len(pair.baseline.seconds), len(pair.candidate.seconds)] == [8, 8]
    assert {len(row) for row in pair.baseline.seconds} == {4}
    assert 2e-4 < pair.baseline.seconds[0][0] < 6e-4


def test_pyperf_runs_one_benchmark_after_the_other_and_its_dates_say_so():
    assert read((DATA / "pyperf.json").read_bytes(), "pyperf").order == "blocked"


def test_processes_of_pyperf_that_took_turns_are_alternating():
    document = json.loads((DATA / "pyperf.json").read_text())
    for offset, benchmark in enumerate(document["benchmarks"]):
        for index, run in enumerate(benchmark["runs"]):
            run["metadata"]["date"] = f"2026-01-01 00:{index:02d}:{30 * offset:02d}"
    assert read(json.dumps(document).encode(), "pyperf").order == "alternating"


def test_every_timing_of_hyperfine_is_a_process_and_commands_are_blocked():
    pair = read((DATA / "hyperfine.json").read_bytes(), "hyperfine")
    assert [len(row) for row in pair.baseline.seconds] == [1] * 10
    assert pair.order == "blocked"


def test_repetitions_of_google_benchmark_are_one_session_in_seconds_and_aggregates_are_none():
    entries = [
        {"name": f"{name}/repeats:2", "run_name": name, "run_type": kind, "real_time": 2.0, "time_unit": "us"}
        for name in ("dense", "pruned")
        for kind in ("iteration", "iteration", "aggregate")
    ]
    pair = read(json.dumps({"context": {}, "benchmarks": entries}).encode(), "google-benchmark")
    assert pair.baseline.seconds == ((2e-6, 2e-6),)
    assert pair.order == "unknown"


def test_a_pickle_is_refused_before_it_is_opened():
    with pytest.raises(DataError, match="pickle"):
        read(pickle.dumps([1.0]), "torch")


def test_the_times_of_torch_are_taken_as_json():
    pair = read(json.dumps({"a": [0.1, 0.2], "b": [[0.1], [0.2]]}).encode(), "torch")
    assert (pair.baseline.seconds, pair.candidate.seconds) == (((0.1, 0.2),), ((0.1,), (0.2,)))


@pytest.mark.parametrize(
    ("positions", "order"),
    [
        ([(0, 1), (3, 2), (4, 5), (7, 6)], "interleaved"),
        ([(0, 4), (1, 5), (2, 6), (3, 7)], "blocked"),
        ([(0, 1), (2, 3), (4, 5), (6, 7)], "unknown"),
        ([(0, 0), (1, 1), (2, 2), (3, 3)], "unknown"),
    ],
)
def test_positions_in_a_csv_tell_the_order(positions, order):
    rows = [
        (session, timing, arm, 0.01 + session / 1000, at)
        for session in range(2)
        for timing, pair in enumerate(positions)
        for arm, at in zip(("baseline", "candidate"), pair, strict=True)
    ]
    assert read(as_csv(rows), "csv").order == order


def test_a_word_in_a_csv_is_believed_only_if_all_rows_say_it():
    rows = [(0, 0, "baseline", 0.1, "interleaved"), (0, 0, "candidate", 0.1, "interleaved")]
    assert read(as_csv(rows), "csv").order == "interleaved"
    assert read(as_csv([rows[0], (0, 0, "candidate", 0.1, "")]), "csv").order == "unknown"


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1", "fast", ""])
def test_a_time_that_no_clock_reads_is_refused_by_its_place(seconds):
    rows = [(0, 0, "baseline", seconds, ""), (0, 0, "candidate", 0.1, "")]
    with pytest.raises(DataError, match=r"session 0, timing 0|garbles"):
        read(as_csv(rows), "csv")


def test_a_timing_that_stands_there_twice_is_refused():
    with pytest.raises(DataError, match="twice"):
        read(as_csv([(0, 0, "baseline", 0.1, "")] * 2), "csv")


@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b'{"benchmarks": [1]}'])
def test_what_is_no_such_file_is_one_clear_error(name, content):
    with pytest.raises(DataError):
        read(content, name)


def test_more_than_two_benchmarks_must_be_named():
    content = json.dumps({"a": [1.0], "b": [1.0], "c": [1.0]}).encode()
    with pytest.raises(DataError, match="--baseline and --candidate"):
        read(content, "torch")
    assert read(content, "torch", "c", "a").baseline.name == "c"
    with pytest.raises(DataError, match="no benchmark 'd'"):
        read(content, "torch", "d", "a")
