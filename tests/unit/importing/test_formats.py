"""Files that pyperf 2.9 and hyperfine 1.15 really wrote (tests/data), and the files that nobody should believe."""

import json
import pickle
import tracemalloc
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("session,timing,arm,order,seconds\n0,0,baseline,interleaved,2,37\n", "line 2 has 6 fields, its header 5"),
        ("session,timing,arm,seconds,seconds\n0,0,baseline,2,3\n", "two columns seconds"),
        ("session,timing,arm,seconds\n0,0,baseline,1_0.0\n", "line 2 holds a number with an underscore"),
    ],
)
def test_a_number_that_could_be_read_in_two_ways_is_refused_by_its_line(text, said):
    with pytest.raises(DataError, match=said):
        read(text.encode(), "csv")


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


def table(places, arms=("baseline", "candidate"), order="interleaved"):
    return [(*place, arm, 0.01 + place[0] / 1000, order) for place in places for arm in arms]


def test_an_interleaved_call_without_a_partner_is_refused_by_its_place():
    rows = [row for row in table((s, t) for s in range(2) for t in range(4)) if row[:3] != (1, 2, "candidate")]
    with pytest.raises(DataError, match="session 1, timing 2 has no candidate"):
        read(as_csv(rows), "csv")
    unknown = [(*row[:4], "unknown") for row in rows]
    assert read(as_csv(unknown), "csv").order == "unknown"


def test_a_gap_in_both_arms_would_pair_strangers_and_is_refused():
    rows = table((s, t) for s in range(2) for t in range(5) if (s, t) != (0, 2))
    with pytest.raises(DataError, match="session 0 has no timing 2 but later ones"):
        read(as_csv(rows), "csv")


@pytest.mark.parametrize(
    "positions",
    [
        [(0, 1), (9, 2), (3, 4), (8, 5)],  # a pair that something else tore apart
        [(0, 2), (3, 1), (4, 5), (7, 6)],  # one round inside the other
        [(3, 2), (0, 1), (4, 5), (7, 6)],  # the second round of a block first
    ],
)
def test_positions_that_are_no_mirrored_blocks_are_no_interleaving(positions):
    rows = [
        (0, timing, arm, 0.01, at)
        for timing, pair in enumerate(positions)
        for arm, at in zip(("baseline", "candidate"), pair, strict=True)
    ]
    assert read(as_csv(rows), "csv").order == "unknown"


def test_processes_that_started_at_the_same_moment_have_no_known_order():
    document = json.loads((DATA / "pyperf.json").read_text())
    for benchmark in document["benchmarks"]:
        for index, run in enumerate(benchmark["runs"]):
            run["metadata"]["date"] = f"2026-01-01 00:{index:02d}:00"
    assert read(json.dumps(document).encode(), "pyperf").order == "unknown"


@pytest.mark.parametrize("tool", ["pyperf", "hyperfine"])
def test_two_benchmarks_of_one_name_are_refused(tool):
    document = json.loads((DATA / f"{tool}.json").read_text())
    for entry in document.get("benchmarks", document.get("results")):
        if tool == "pyperf":
            entry["metadata"]["name"] = "same"
        else:
            entry["command"] = "same"
    with pytest.raises(DataError, match="two benchmarks named 'same'"):
        read(json.dumps(document).encode(), tool)


@pytest.mark.parametrize("value", ["0.1", True, None])
def test_what_is_no_number_in_json_is_no_time(value):
    with pytest.raises(DataError):
        read(json.dumps({"a": [0.1, value], "b": [0.1, 0.2]}).encode(), "torch")


def test_the_mark_that_windows_writes_before_a_file_is_no_column():
    assert read(b"\xef\xbb\xbf" + as_csv(table([(0, 0), (0, 1)])), "csv").order == "interleaved"


def test_a_field_that_no_csv_reader_takes_is_one_clear_error():
    with pytest.raises(DataError, match="no csv file"):
        read(as_csv([(0, 0, "baseline", "1" * 200_000, "")]), "csv")


def test_a_process_without_a_timing_is_refused_by_its_place():
    with pytest.raises(DataError, match="a, session 0 holds no timing"):
        read(b'{"a": [[], [0.1, 0.2]], "b": [[0.2, 0.3], [0.1, 0.2]]}', "torch")


@pytest.mark.parametrize("seconds", ["1e308", "5e-324", "1e-16", "1e19"])
def test_a_time_whose_ratio_to_another_would_overflow_is_refused_by_its_row(seconds):
    with pytest.raises(DataError, match=r"line 3: candidate session 0, timing 0 is .*expected seconds above 0"):
        read(as_csv([(0, 0, "baseline", 0.1, ""), (0, 0, "candidate", seconds, "")]), "csv")
    with pytest.raises(DataError, match=r"b, session 0, timing 1 is .*expected seconds above 0"):
        read(f'{{"a": [0.1, 0.1], "b": [0.1, {seconds}]}}'.encode(), "torch")


def test_columns_that_nobody_asked_for_cost_nothing_a_row():
    rows = table((0, t) for t in range(2000))
    content = as_csv(rows).replace(b"order", b"order," + b",".join(b"c%d" % i for i in range(90)), 1)
    few, many = traced(as_csv(rows)), traced(content)
    assert many < 1.1 * few


def test_a_header_of_more_columns_than_any_tool_writes_is_refused():
    content = as_csv(table([(0, 0)])).replace(b"order", b"order," + b",".join(b"c%d" % i for i in range(10_000)), 1)
    with pytest.raises(DataError, match="more than 100 columns"):
        read(content, "csv")


def test_a_row_that_is_cut_off_is_refused_by_its_line():
    with pytest.raises(DataError, match="line 4 has 2 field"):
        read(as_csv([*table([(0, 0)]), (0, 1)]), "csv")


def traced(content):
    """Most bytes that reading it as CSV held at once."""
    tracemalloc.start()
    try:
        read(content, "csv")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
