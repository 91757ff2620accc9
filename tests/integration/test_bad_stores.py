"""Stores that somebody or something has been at: each is a named finding or one clear line, never a crash, never a
verdict that looks right."""

import json
import math
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ace.domain.canonical import canonical_json, sha256_text
from ace.domain.decode import decode
from ace.domain.record import SCHEMA_VERSION, CellRecord, record_text
from ace.domain.serial import encode
from ace.errors import StoreError
from ace.tracking import names, sqlite_file
from ace.tracking.reader import read_evidence
from ace.tracking.store import Store, open_existing_store, open_store
from ace.tracking.writer import Tracker
from tests.integration.filled import EXPERIMENT, Filled, Said, whole_way
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store(None, tmp_path_factory.mktemp("bad"))


@pytest.fixture
def filled(
    request: pytest.FixtureRequest, store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Filled]:
    """An experiment of the test's own, without a ledger, in a checkout whose sources are those of the builders."""
    root = Path(str(store.artifact_root)).parent
    (root / "ledger.jsonl").unlink(missing_ok=True)
    shutil.rmtree(root / "decisions", ignore_errors=True)
    monkeypatch.setattr("ace.cli.freeze.code_state", lambda *_: r.CODE)
    yield Filled(store, root, Tracker(store, EXPERIMENT), capsys)
    here = store.experiment_id(EXPERIMENT, create=False)
    for run in store.runs(here, f"tags.`{names.LOOK}` LIKE '%'"):  # a look counts in every experiment of a store
        store.client.delete_tag(run.info.run_id, names.LOOK)
    store.client.rename_experiment(here, request.node.name)


@pytest.fixture
def runs(filled: Filled) -> list[str]:
    """Development and validation of one cell, as they should be."""
    return filled.keep(r.explored((64, 1)))


def decision(said: Said) -> dict[str, Any]:
    assert said.code == 0, said.err
    made: dict[str, Any] = json.loads(said.out)
    return made


def answers(said: Said, gate: str) -> list[str]:
    """What a gate saw wherever it does not pass."""
    fine = ("PASS", "NOT_APPLICABLE")
    return [g["evidence"] for g in decision(said)["gates"] if g["name"] == gate and g["outcome"] not in fine]


def problems(said: Said) -> list[str]:
    return [a["problem"] for a in decision(said)["attempts"] if a["problem"]]


def invalid(said: Said, gate: str, words: str) -> None:
    """INVALID, and `gate` says why in these words."""
    assert decision(said)["verdict"] == "INVALID"
    assert any(words in text for text in answers(said, gate)), answers(said, gate)


def unclear(said: Said, words: str) -> None:
    """Gate integrity says of a clock, in these words, that it went backwards."""
    [found] = [text for text in answers(said, "integrity") if text.startswith("the clock went backwards: ")]
    assert words in found


def rewrite(filled: Filled, run: str, text: str, name: str = names.RECORD_FILE, tag: str = names.RECORD_DIGEST) -> None:
    """Another text under the name of a file, with the digest that vouches for it."""
    (filled.folder(run) / name).write_text(text, encoding="utf-8")
    filled.store.client.set_tag(run, tag, sha256_text(text))


def text_of(filled: Filled, run: str, name: str = names.RECORD_FILE) -> str:
    return (filled.folder(run) / name).read_text(encoding="utf-8")


def in_database(filled: Filled, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(filled.root / "mlflow.db")) as connection:
        connection.execute(statement, values)
        connection.commit()


def changed(record: CellRecord, change: Callable[[dict[str, Any]], None]) -> CellRecord:
    """The record with one change, whole and canonical, as a program that is wrong would write it."""
    value = json.loads(record_text(record))
    change(value)
    return decode(CellRecord, value)


def each_session(**values: object) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        for session in record["sessions"]:
            session.update(values)

    return change


def test_an_honest_claim_in_this_store_is_accepted_verified_and_not_frozen_for_a_second_look(filled: Filled) -> None:
    whole_way(filled)
    assert decision(filled.decide())["verdict"] == "ACCEPTED"
    assert filled.verify().code == 0
    assert "has looked at reuters-r8 1 time(s)" in filled.freeze().line


# Foreign runs


def test_a_foreign_run_is_listed_and_moves_no_verdict(filled: Filled, runs: list[str]) -> None:
    before = decision(filled.decide())
    client, experiment = filled.store.client, filled.store.experiment_id(EXPERIMENT, create=False)
    for metrics in ({}, {"loss": math.nan, "best": math.inf}):
        run = client.create_run(experiment).info.run_id
        for name, value in metrics.items():
            client.log_metric(run, name, value)
    after = decision(filled.decide())
    assert (after["verdict"], after["cells"]) == (before["verdict"], before["cells"])
    assert [a["problem"] for a in after["attempts"] if a["status"] == "FOREIGN"] == ["not written by ACE; ignored"] * 2


def test_foreign_runs_alone_are_no_evidence_and_one_line(filled: Filled) -> None:
    filled.store.client.create_run(filled.store.experiment_id(EXPERIMENT, create=False))
    for said in (filled.decide(), filled.freeze()):
        assert "no record (1 FOREIGN)" in said.line


def test_what_is_edited_in_mlflow_is_shown_there_and_judged_nowhere(filled: Filled, runs: list[str]) -> None:
    before = decision(filled.decide())
    for value in (99.0, math.nan, math.inf):
        filled.store.client.log_metric(runs[0], "speed/gain_log", value)
    filled.store.client.log_param(runs[0], "verdict", "ACCEPTED")
    in_database(filled, "UPDATE params SET value = '999' WHERE key = 'seq_len' AND run_uuid = ?", runs[0])
    after = decision(filled.decide())
    assert (after["verdict"], after["cells"], after["claims"]) == (before["verdict"], before["cells"], before["claims"])


def test_a_run_stripped_of_its_tags_is_still_an_attempt(filled: Filled, runs: list[str]) -> None:
    for tag in filled.store.client.get_run(runs[0]).data.tags:
        filled.store.client.delete_tag(runs[0], tag)
    invalid(filled.decide(), "integrity", "no tag ace.kind, but the run has marks of a cell")


def test_a_run_moved_from_another_experiment_is_not_believed(filled: Filled, runs: list[str]) -> None:
    made = b.record(0.5)
    filled.measured(replace(made, plan=replace(made.plan, experiment="elsewhere")))
    invalid(filled.decide(), "integrity", "measured under experiment 'elsewhere', not 'token_pruning'; move it back")


@pytest.mark.parametrize("uri", [None, "file://[bad", "/nowhere/at/all"])
def test_a_run_whose_files_are_nowhere_is_a_problem_of_that_run(
    filled: Filled, runs: list[str], uri: str | None
) -> None:
    in_database(filled, "UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", uri, runs[0])
    said = filled.decide()
    assert decision(said)["verdict"] == "INVALID"
    assert len(problems(said)) == 1


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE runs SET start_time = NULL", "it holds None"),
        ("UPDATE runs SET start_time = 'abc'", "it holds 'abc'"),
        ("UPDATE runs SET status = NULL", "its status is None"),
        ("UPDATE runs SET lifecycle_stage = NULL", "its stage is None"),
        ("UPDATE runs SET user_id = NULL", "it holds None"),
        ("UPDATE runs SET artifact_uri = x'fffe'", r"it holds b'\xff\xfe'"),
        ("UPDATE tags SET value = x'fffe' WHERE key = 'ace.attempt'", r"it holds b'\xff\xfe'"),
        ("UPDATE latest_metrics SET step = 'q'", "it holds 'q'"),
    ],
)
def test_a_row_that_mlflow_never_writes_is_one_line(
    filled: Filled, runs: list[str], statement: str, words: str
) -> None:
    in_database(filled, statement)
    assert f"is not as MLflow writes it: {words}" in filled.decide().line
    in_database(filled, "DELETE FROM runs")  # one store for all tests


@pytest.mark.parametrize("uri", ["http://127.0.0.1:{port}/api/2.0/mlflow-artifacts/x", "s3://bucket/x", "/etc"])
def test_a_store_sends_nobody_and_no_password_to_another_place(
    filled: Filled, runs: list[str], uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(0.05)
        elsewhere = uri.format(port=stranger.getsockname()[1])
        in_database(filled, "UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", elsewhere, runs[0])
        assert decision(filled.decide())["verdict"] == "INVALID"
        assert any(f"files at {elsewhere} are refused" in problem for problem in problems(filled.decide()))
        with pytest.raises(TimeoutError):
            stranger.accept()


@pytest.mark.parametrize("location", ["/", "http://127.0.0.1:9/", "file:///etc"])
def test_where_files_go_is_not_the_word_of_a_stranger_s_store(filled: Filled, runs: list[str], location: str) -> None:
    [before] = _locations(filled)
    in_database(filled, "UPDATE experiments SET artifact_location = ? WHERE name = ?", location, EXPERIMENT)
    assert f"files at {location} are refused" in filled.decide().line
    in_database(filled, "UPDATE experiments SET artifact_location = ? WHERE name = ?", before, EXPERIMENT)


def _locations(filled: Filled) -> list[str]:
    with closing(sqlite3.connect(filled.root / "mlflow.db")) as connection:
        rows = connection.execute("SELECT artifact_location FROM experiments WHERE name = ?", (EXPERIMENT,))
        return [str(row[0]) for row in rows]


def test_a_view_in_the_place_of_a_table_is_not_read_to_its_end(tmp_path: Path) -> None:
    store = open_store(None, tmp_path)
    own = Filled(store, tmp_path, Tracker(store, EXPERIMENT), None)
    own.keep(r.explored((64, 1)))
    for statement in (
        "ALTER TABLE tags RENAME TO former",
        "CREATE VIEW tags AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
        "SELECT 'k' || x AS key, 'v' AS value, 'r' AS run_uuid FROM n",
    ):
        in_database(own, statement)
    with pytest.raises(StoreError, match="has a view, tags, which MLflow never makes"):
        open_existing_store(None, tmp_path)


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        ((f"CREATE TRIGGER late AFTER INSERT ON tags BEGIN {ENDLESS}; END",), "has a trigger, late, which"),
        (
            (
                "DROP TRIGGER prevent_secrets_aad_mutation",
                f"CREATE TRIGGER prevent_secrets_aad_mutation BEFORE UPDATE ON secrets BEGIN {ENDLESS}; END",
            ),
            "has a trigger, prevent_secrets_aad_mutation, which",
        ),
        (("ALTER TABLE tags ADD COLUMN more AS (length(zeroblob(99999999)))",), "a generated column, tags.more, which"),
        (("CREATE TABLE more (a, b AS (a + 1) STORED)",), "a generated column, more.b, which"),
    ],
)
def test_what_reckons_when_a_table_is_read_or_written_is_refused_with_the_store(
    tmp_path: Path, statements: tuple[str, ...], words: str
) -> None:
    own = Filled(open_store(None, tmp_path), tmp_path, Tracker(open_store(None, tmp_path), EXPERIMENT), None)
    for statement in statements:
        in_database(own, statement)
    for opened in (open_existing_store, open_store):
        with pytest.raises(StoreError, match=f"{words} MLflow never makes"):
            opened(None, tmp_path)


def test_what_another_mlflow_makes_of_its_own_is_looked_up_in_a_store_that_it_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(None, tmp_path)
    monkeypatch.setattr(sqlite_file, "KNOWN", frozenset[tuple[str, str, str]]())
    open_existing_store(None, tmp_path)


# Records of another schema, half-written ones, and ones of impossible numbers


def test_a_store_of_an_older_schema_says_so_of_every_run(filled: Filled, runs: list[str]) -> None:
    for run in runs:
        filled.store.client.set_tag(run, names.SCHEMA, "1")
    said = filled.decide()
    invalid(said, "integrity", "written by another version of ACE: schema 1")
    assert len(problems(said)) == 2


@pytest.mark.parametrize("schema", [2, 99])
def test_a_record_of_another_schema_is_not_judged_whatever_the_tags_say(filled: Filled, schema: int) -> None:
    [first, second] = [cell.record for cell in r.explored((64, 1)) if cell.record is not None]
    filled.measured(replace(first, schema_version=schema))
    filled.measured(second)
    said = f"another version of ACE wrote it: schema {schema}, this one reads {SCHEMA_VERSION}"
    invalid(filled.decide(), "integrity", said)
    assert filled.verify().code == 0


HALF: dict[str, Callable[[str], str]] = {
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda _: "",
    "nested without end": lambda _: "[" * 200_000,
    "a list": lambda _: "[]",
    "null": lambda _: "null",
    "NaN": lambda text: text.replace('"ended_at":1100.0', '"ended_at":NaN'),
    "Infinity": lambda text: text.replace('"ended_at":1100.0', '"ended_at":Infinity'),
    "a number of 5000 digits": lambda text: text.replace('"parameters":22000000', '"parameters":' + "1" * 5000, 1),
    "a key twice": lambda text: text.replace('"ended_at":1100.0', '"ended_at":1.0,"ended_at":1100.0'),
    "a negative timing": lambda text: text.replace('"wall_s":[0.', '"wall_s":[-0.', 1),
    "another type": lambda text: text.replace('"failures":[]', '"failures":{}'),
}


@pytest.mark.parametrize("kind", HALF)
def test_a_record_that_is_no_record_is_named_although_its_digest_is_right(
    filled: Filled, runs: list[str], kind: str
) -> None:
    made = HALF[kind](text_of(filled, runs[0]))
    assert made != text_of(filled, runs[0])
    rewrite(filled, runs[0], made)
    said = filled.decide()
    assert decision(said)["verdict"] == "INVALID"
    [problem] = problems(said)
    assert problem.startswith("record.json ")
    assert filled.verify().code == 0
    assert problem[:40] in filled.freeze().line


def test_an_attempt_that_stopped_half_way_is_counted_at_every_step(filled: Filled, runs: list[str]) -> None:
    made = b.record(seed=9)
    run = filled.begun(made)
    assert problems(filled.decide()) == ["RUNNING: no record was written"]
    (filled.folder(run) / names.RECORD_FILE).write_text(record_text(made)[:500])
    assert any("nothing vouches for it" in text for text in answers(filled.decide(), "complete"))
    filled.store.client.set_terminated(run, "FINISHED")
    invalid(filled.decide(), "integrity", "nothing vouches for it")


IMPOSSIBLE: dict[str, Callable[[dict[str, Any]], None]] = {
    "first_prepare_s is -1:": lambda v: v.update(first_prepare_s=-1.0),
    "prepare_s is -1e+09": each_session(prepare_s=-1e9),
    "measuring_s is -5": each_session(measuring_s=-5.0),
    "calls_per_timing is 0": each_session(calls_per_timing=0),
    "least CPU time of baseline is -1": lambda v: v["sessions"][0]["timings"][0]["cpu_s"].__setitem__(0, -1.0),
    "memory of candidate is -5": lambda v: v["memory"][1].update(peak_bytes=-5),
    "parameters of baseline is too large": lambda v: v["sessions"][0]["arms"][0].update(parameters=10**400),
    "operations of baseline is too large": lambda v: v["sessions"][0]["witness"][0].update(
        flops_by_dtype=[["float32", 10**400]]
    ),
    "a declared count of tokens is too large": each_session(declared_tokens_per_layer=[10**400] * 6),
    "peak in float32 is 1e-300": lambda v: v["peak"].update(flops_per_s=[["float32", 1e-300]]),
}


@pytest.mark.parametrize("words", IMPOSSIBLE)
def test_a_number_that_nothing_can_have_measured_makes_no_claim_better(filled: Filled, words: str) -> None:
    [first, second] = [cell.record for cell in r.explored((64, 1)) if cell.record is not None]
    run = filled.measured(first)
    filled.measured(second)
    rewrite(filled, run, record_text(changed(first, IMPOSSIBLE[words])))
    invalid(filled.decide(), "integrity", words)
    assert filled.verify().code == 0


def test_a_session_without_a_baseline_or_without_a_round_is_named(filled: Filled) -> None:
    [first, second] = [cell.record for cell in r.explored((64, 1)) if cell.record is not None]
    run = filled.measured(first)
    filled.measured(second)

    def without_baseline(value: dict[str, Any]) -> None:
        for session in value["sessions"]:
            session["timings"] = session["timings"][1:]
            session["order"] = [[arm for arm in row if arm != "baseline"] for row in session["order"]]

    rewrite(filled, run, record_text(changed(first, without_baseline)))
    invalid(filled.decide(), "complete", "baseline was not timed")
    rewrite(filled, run, record_text(changed(first, each_session(timings=[], order=[], inputs=[]))))
    assert "session 0: no round was timed" in filled.decide().line


# Cells and attempts twice


def test_a_second_measurement_of_a_cell_is_pooled_and_counted_never_picked(filled: Filled, runs: list[str]) -> None:
    filled.measured(r.explored((64, 1), seed=5)[0].record)  # type: ignore[arg-type]
    made = decision(filled.decide())
    assert {cell["cell"]: cell["sessions"] for cell in made["cells"]} == {"development 64x1": 20, "validation 64x1": 10}
    assert all(attempt["used"] for attempt in made["attempts"])


def test_a_copied_run_is_one_run_even_if_its_timings_were_touched(filled: Filled) -> None:
    cells = r.explored((64, 1))
    [first] = filled.keep(cells[:1])
    filled.keep(cells[1:])
    copied = cells[0].record
    assert copied is not None
    touched = r.explored((64, 1), seed=5)[0].record
    assert touched is not None
    filled.measured(replace(b.at(touched, 1500.0), attempt=copied.attempt))
    invalid(filled.decide(), "integrity", f"is {copied.attempt} of run {first}")
    filled.measured(replace(copied, attempt="another", started_at=1001.0))
    invalid(filled.decide(), "integrity", "repeated to the last digit")


# Clocks


def later(of: slice, seconds: Callable[[int], float]) -> Callable[[dict[str, Any]], None]:
    """Some of the sessions, started by so many seconds later than they were."""

    def change(record: dict[str, Any]) -> None:
        for session in record["sessions"][of]:
            session["started_at"] += seconds(session["index"])

    return change


EVERY = slice(None)
BACKWARDS: dict[str, Callable[[dict[str, Any]], None]] = {
    "its record ended 540 s before session 9 was measured": lambda v: v.update(ended_at=v["started_at"] - 500),
    "its record ended 9940 s before session 9 was measured": later(EVERY, lambda _: 10_000.0),
    "session 3 was started 1012 s before session 2 was measured": later(slice(3, 4), lambda _: -1012.0),
    "was ready 3600 s before": each_session(ready_s=-3600.0),
    "was started 14 s before": later(EVERY, lambda index: -14.0 * index),
}


@pytest.mark.parametrize("words", BACKWARDS)
def test_a_clock_that_went_far_back_within_a_record_is_no_evidence_and_keeps_it_from_being_frozen(
    filled: Filled, words: str
) -> None:
    [first, second] = [cell.record for cell in r.explored((64, 1)) if cell.record is not None]
    filled.measured(changed(first, BACKWARDS[words]))
    filled.measured(second)
    said = filled.decide()
    assert decision(said)["verdict"] == "EXPLORATORY"
    unclear(said, words)
    assert "the clock went backwards" in filled.freeze().line
    assert filled.verify().code == 0


def test_a_clock_that_was_set_back_a_little_by_its_server_costs_nobody_a_verdict(filled: Filled) -> None:
    def step(value: dict[str, Any]) -> None:
        later(slice(5, None), lambda _: -2.5)(value)
        value["ended_at"] -= 2.5

    cells = r.explored((64, 1))
    cells[0] = b.stored(changed(cells[0].record, step))  # type: ignore[arg-type]
    filled.keep(cells)
    made = filled.register()
    filled.unsealed(made, filled.look(made))
    said = decision(filled.decide())
    assert said["verdict"] == "ACCEPTED"
    assert any("set back a little" in gate["evidence"] and "2.5 s" in gate["evidence"] for gate in said["gates"])


def test_a_start_that_was_edited_in_mlflow_does_not_agree_with_the_record(filled: Filled, runs: list[str]) -> None:
    in_database(filled, "UPDATE runs SET start_time = 9000000000000 WHERE run_uuid = ?", runs[0])
    unclear(filled.decide(), "its record began 9e+09 s before the run began")


def test_a_holdout_run_from_before_its_registration_is_invalid(filled: Filled) -> None:
    filled.keep(r.explored((64, 1)))
    made = filled.register()
    filled.keep(r.opened(made, filled.look(made), started_at=r.FROZEN_AT - 500))
    invalid(filled.decide(), "frozen", "opened the holdout before the registration")


def test_a_look_from_before_its_registration_is_not_accepted(filled: Filled) -> None:
    filled.keep(r.explored((64, 1)))
    made = filled.register()
    early = filled.ledger.append(lambda i, p, _: replace(r.look_of(made, i, p), opened_at=5.0))
    assert early is not None
    filled.unsealed(made, early)
    said = filled.decide()
    assert decision(said)["verdict"] == "INCONCLUSIVE"
    unclear(said, "its look was written down 1995 s before its claim was registered")


def test_evidence_that_is_younger_than_the_registration_that_rests_on_it_is_not_accepted(filled: Filled) -> None:
    filled.keep(r.explored((64, 1)))
    late = read_evidence(filled.store, EXPERIMENT)
    made = replace(r.frozen_of(late), frozen_at=500.0)
    filled.tracker.log_registration(made, "")
    filled.unsealed(made, filled.look(made))
    said = filled.decide()
    assert decision(said)["verdict"] == "INCONCLUSIVE"
    unclear(said, "a registration that rests on it was made 600 s before its record ended")


# Registrations


def registration_run(filled: Filled) -> str:
    return read_evidence(filled.store, EXPERIMENT).registrations[0].run_id


def test_of_two_registrations_of_one_claim_the_one_that_opened_the_holdout_holds_and_both_are_told(
    filled: Filled,
) -> None:
    made, _, _ = whole_way(filled)
    filled.tracker.log_registration(replace(made, frozen_at=made.frozen_at + 50), "")
    said = decision(filled.decide())
    assert (said["verdict"], said["registration"]) == ("ACCEPTED", made.digest)
    assert any("one of 2" in gate["evidence"] for gate in said["gates"] if gate["name"] == "frozen")


def test_of_two_registrations_a_deleted_one_is_still_held_against_the_claim(filled: Filled, runs: list[str]) -> None:
    made = filled.register()
    other = replace(made, frozen_at=made.frozen_at + 50, policy=b.near_term(delta=0.05))
    filled.store.client.delete_run(filled.tracker.log_registration(other, ""))
    invalid(filled.decide(), "frozen", "its run was deleted in MLflow")
    assert decision(filled.decide("policy.delta=0.05"))["verdict"] == "INVALID"


@pytest.mark.parametrize("kind", ["decision", "calibration", "cell", None])
def test_a_registration_stays_one_whatever_its_kind_is_set_to(filled: Filled, kind: str | None) -> None:
    made, _, _ = whole_way(filled)
    run = registration_run(filled)
    filled.store.client.delete_tag(run, names.KIND)
    if kind is not None:
        filled.store.client.set_tag(run, names.KIND, kind)
        filled.store.client.set_tag(run, names.VERDICT, "REJECTED_NO_GAIN")
    said = decision(filled.decide())
    assert (said["verdict"], said["registration"]) == ("ACCEPTED", made.digest)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.update(schema_version=7), "another version of ACE wrote it: schema 7"),
        (lambda v: v.update(experiment="elsewhere"), "registered under experiment 'elsewhere'"),
        (lambda v: v.update(cells=[]), "claims at least one cell"),
        (lambda v: v["policy"].update(novel=1), "unknown field 'novel' in Policy"),
        (lambda v: v["policy"].pop("delta"), "Policy lacks the field 'delta'"),
    ],
)
def test_a_registration_that_this_version_did_not_make_here_is_not_believed(
    filled: Filled, runs: list[str], change: Callable[[dict[str, Any]], object], words: str
) -> None:
    value: dict[str, Any] = encode(filled.register())
    change(value)
    rewrite(
        filled, registration_run(filled), canonical_json(value), names.REGISTRATION_FILE, names.REGISTRATION_DIGEST
    )
    invalid(filled.decide(), "frozen", words)


@pytest.mark.parametrize("text", ["", '{"claim":', "[" * 100_000, "null"])
def test_a_half_written_registration_is_named(filled: Filled, text: str) -> None:
    whole_way(filled)
    rewrite(filled, registration_run(filled), text, names.REGISTRATION_FILE, names.REGISTRATION_DIGEST)
    invalid(filled.decide(), "frozen", "registration.json cannot be read")


# The ledger


LEDGER: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a line that is no JSON": (lambda lines: lines + b"hello\n", "line 4 of the ledger"),
    "a line without an end": (lambda lines: lines + b"[" * 100_000 + b"\n", "line 4 of the ledger"),
    "an empty line at the end": (lambda lines: lines + b"\n", "line 4 of the ledger"),
    "half a line": (lambda lines: lines[:-40], "its last line is cut off"),
    "no end of the last line": (lambda lines: lines[:-1], "its last line is cut off"),
    "other ends of lines": (lambda lines: lines.replace(b"\n", b"\r\n"), "line 1 of the ledger"),
    "a line twice": (
        lambda lines: lines + lines.splitlines(keepends=True)[-1],
        "entry 3 of the ledger says that it is entry 2",
    ),
    "lines in another order": (lambda lines: b"".join(reversed(lines.splitlines(keepends=True))), "entry 0 of the"),
    "NaN": (lambda lines: lines.replace(b"2001.0", b"NaN"), "line 1 of the ledger"),
    "another number": (lambda lines: lines.replace(b"2001.0", b"2001.5", 1), "entry 1 of the ledger does not follow"),
    "nothing": (lambda _: b"", "is not in the ledger"),
}


@pytest.mark.parametrize("kind", LEDGER)
def test_a_ledger_that_somebody_wrote_in_is_named_by_its_line_and_nothing_is_registered(
    filled: Filled, kind: str
) -> None:
    made, _, _ = whole_way(filled)
    filled.ledger.append(lambda i, p, _: replace(r.look_of(made, i, p), registration="x", idea="another"))
    change, words = LEDGER[kind]
    filled.ledger.path.write_bytes(change(filled.ledger.path.read_bytes()))
    invalid(filled.decide(), "integrity", words)
    assert "not registered: integrity FAIL" in filled.freeze().line


@pytest.mark.parametrize(
    "change", [{"seed": 5}, {"shape": {"batch": 1, "depth": 6, "hidden": 384, "seq_len": 512}}, {"look": None}]
)
def test_the_last_opening_in_the_ledger_is_held_against_its_run(filled: Filled, change: dict[str, Any]) -> None:
    whole_way(filled)
    *lines, last = filled.ledger.path.read_text().splitlines()
    value = json.loads(last)
    opened = value | (change if change != {"look": None} else {"look": json.loads(lines[0])["registration"]})
    filled.ledger.path.write_text("\n".join([*lines, canonical_json(opened)]) + "\n")
    assert decision(filled.decide())["verdict"] == "INVALID"


def test_what_is_no_plain_file_in_the_place_of_the_ledger_is_not_waited_for(filled: Filled, runs: list[str]) -> None:
    os.mkfifo(filled.ledger.path)
    invalid(filled.decide(), "integrity", "it is no plain file")
    filled.ledger.path.unlink()
    filled.ledger.path.symlink_to("/dev/zero")
    invalid(filled.decide(), "integrity", "it is no plain file")


# Screens


def test_what_a_stored_job_says_moves_no_cursor_in_freeze_nor_in_json(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ace.cli.freeze.count_documents", lambda *_: 1500)
    monkeypatch.setattr("ace.cli.freeze.check_benchmark", lambda *_: None)
    for cell in r.explored((64, 1)):
        assert cell.record is not None
        split = cell.record.plan.benchmark.split
        filled.measured(cell.record, job=f"batch=1,+note=a\x1b[2J\x9b\u202e\U000e0001b,seq_len=64,split={split}")
    said = filled.freeze()
    assert said.code == 0, said.err
    assert all(line.isprintable() for line in said.out.splitlines())
    assert "next: " in said.out
    said = filled.decide()
    assert "\x9b\u202e\U000e0001b" in json.dumps(decision(said), ensure_ascii=False)
    assert all(line.isprintable() for line in said.out.splitlines())
    assert "\x9b" in (filled.bundle / "decision.json").read_text(encoding="utf-8")


# Sweeps


@pytest.mark.parametrize("planned", [("batch=7", "batch=7"), ("", "=", "[[[", "batch=nan")])
def test_a_declared_grid_of_odd_jobs_is_answered(filled: Filled, runs: list[str], planned: tuple[str, ...]) -> None:
    filled.tracker.end_sweep(filled.tracker.declare_sweep("grid", planned), "KILLED", ())
    assert any("sweep grid (KILLED): 0 of" in text for text in answers(filled.decide(), "complete"))


# The policy


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("+policy.novel=1", "policy.novel is not a key ACE knows; allowed: policy.name, policy.delta"),
        ("~policy.delta", "policy.delta is missing; the group policy needs name, delta"),
        ("~policy", "policy=None is refused; allowed: a file of the group policy/."),
        ("~cache_dir", "cache_dir=None is refused; allowed: a folder."),
        ("policy=strictest", "Could not find 'policy/strictest'"),
        ("policy.delta=much", "policy.delta: expected float, got 'much' is refused."),
        ("policy.delta=-0.1", "policy.delta=-0.1 is refused; allowed: a fraction in [0, 1)."),
        ("policy.delta=nan", "policy.delta: expected float, got nan is refused."),
        ("policy.tail_margin=inf", "policy.tail_margin: expected float, got inf is refused."),
        ("policy.holdout_looks=1.5", "policy.holdout_looks: expected int, got 1.5 is refused."),
        ("policy.min_sessions=-3", "policy.min_sessions=-3 is refused; allowed: 2 or more."),
        ("policy.alpha=null", "policy.alpha: expected float, got None is refused."),
        ("policy.delta=${nowhere}", "cannot be resolved"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_by_its_key_before_anything_is_judged(
    filled: Filled, runs: list[str], override: str, said: str
) -> None:
    assert said in filled.decide(override).line
    assert said in filled.freeze(override).line
    assert not filled.bundle.exists()
