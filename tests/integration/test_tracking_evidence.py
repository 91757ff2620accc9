"""What was written comes back equal, and what was touched in between comes back as a problem."""

import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ace.domain.canonical import sha256_text
from ace.domain.parsing import MOST_BYTES
from ace.domain.record import SCHEMA_VERSION, record_digest, record_text
from ace.domain.stored import StoredSweep
from ace.errors import StoreError
from ace.tracking import names
from ace.tracking.names import PID_NAMESPACE
from ace.tracking.process import this_process
from ace.tracking.reader import read_evidence
from ace.tracking.reconcile import reconcile
from ace.tracking.store import Store, open_store
from ace.tracking.writer import Tracker
from tests import builders

SUMMARY = {"speed/gain_log": 0.05, "quality/loss_points": 0.7}
PROVENANCE = dict.fromkeys(SUMMARY, "measured/perf_counter")
MADE = builders.record(0.05, sessions=2)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return open_store(None, tmp_path_factory.mktemp("evidence"))


@pytest.fixture
def experiment(request, store) -> Iterator[str]:
    """The experiment that the plan of MADE names, new for each test."""
    name = MADE.plan.experiment
    yield name
    store.client.rename_experiment(store.experiment_id(name, create=False), request.node.name)


@pytest.fixture
def tracker(store, experiment) -> Tracker:
    return Tracker(store, experiment)


def begin(tracker, made=MADE, **changes):
    arguments = {"attempt": made.attempt, "sweep": None, "job": None, "code": made.code, "weights": made.weights,
                 "cell_key": "key", "started_at": made.started_at}  # fmt: skip
    return tracker.begin(made.plan, **(arguments | changes))


def finish(tracker, run_id, made=MADE, **changes):
    arguments = {"summary": SUMMARY, "provenance": PROVENANCE, "note": "**fast**", "status": "FINISHED"}
    tracker.finish(run_id, made, **(arguments | changes))


def finished(tracker, made=MADE):
    run_id = begin(tracker, made)
    finish(tracker, run_id, made)
    return run_id


def folder_of(store, run_id) -> Path:
    return Path(store.client.get_run(run_id).info.artifact_uri)


def only_cell(store, experiment):
    (cell,) = read_evidence(store, experiment).cells
    return cell


def test_a_finished_cell_comes_back_equal_to_what_was_measured(store, tracker, experiment):
    run_id = begin(tracker, sweep="sweep-1", job="batch=1,seq_len=64")
    finish(tracker, run_id)
    as_judged = builders.stored(MADE, run_id, sweep="sweep-1", job="batch=1,seq_len=64")
    assert only_cell(store, experiment) == as_judged


def test_the_ui_shows_axes_metrics_provenance_and_a_note(store, tracker):
    run = store.client.get_run(finished(tracker))
    assert {axis: run.data.params[axis] for axis in ("seq_len", "batch", "seed")} == {
        "seq_len": "64",
        "batch": "1",
        "seed": "0",
    }
    assert run.data.metrics == SUMMARY
    assert run.data.tags[names.NOTE] == "**fast**"
    assert run.data.tags[names.PROVENANCE].count("measured/perf_counter") == len(SUMMARY)
    assert (run.info.start_time, run.info.end_time) == (MADE.started_at * 1000, MADE.ended_at * 1000)


def test_an_attempt_exists_with_its_plan_before_anything_is_measured(store, tracker, experiment):
    begin(tracker)
    cell = only_cell(store, experiment)
    assert (cell.status, cell.plan, cell.record) == ("RUNNING", MADE.plan, None)
    assert cell.problem == "RUNNING: no record was written"


def test_an_aborted_attempt_is_counted_and_keeps_its_traceback(store, tracker, experiment):
    run_id = begin(tracker)
    tracker.abort(run_id, "FAILED", "Traceback: no such file: \udcff")
    cell = only_cell(store, experiment)
    assert (cell.status, cell.plan) == ("FAILED", MADE.plan)
    assert cell.problem == "traceback: Traceback: no such file: \\udcff"
    assert (folder_of(store, run_id) / names.TRACEBACK_FILE).read_text() == "Traceback: no such file: \\udcff"


@pytest.mark.parametrize(
    "bad",
    [{"summary": {"speed/gain_log": math.nan}}, {"summary": {"gain": 1.0}}, {"provenance": {}}],
    ids=["nan", "name", "provenance"],
)
def test_a_refused_summary_loses_nothing_of_the_record(store, tracker, experiment, bad):
    run_id = begin(tracker)
    with pytest.raises(StoreError, match="metric"):
        finish(tracker, run_id, **bad)
    tracker.abort(run_id, "FAILED", "refused")
    cell = only_cell(store, experiment)
    assert (cell.status, cell.record) == ("FAILED", MADE)
    assert cell.problem == "status says FAILED but its record holds 2 sessions; traceback: refused"
    assert store.client.get_run(run_id).data.metrics == {}


def test_only_the_tracker_that_began_a_run_finishes_it(store, tracker, experiment):
    with pytest.raises(StoreError, match="was not begun by this tracker"):
        finish(Tracker(store, experiment), begin(tracker))


def edit(path: Path):
    path.write_text(path.read_text().replace("0.02", "0.01", 1))


def make_huge(path: Path):
    with path.open("r+b") as file:
        file.truncate(MOST_BYTES + 1)


def link_elsewhere(path: Path):
    outside = path.parents[3] / f"outside-{path.parents[1].name}"
    path.rename(outside)
    path.symlink_to(outside)


def make_pipe(path: Path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("name", "touch", "said"),
    [
        ("record.json", make_pipe, "is no plain file"),
        ("record.json", edit, "the record was altered"),
        ("record.json", Path.unlink, "record.json is missing"),
        ("record.json", make_huge, "more than"),
        ("record.json", link_elsewhere, "leads out of the store"),
        ("plan.json", Path.unlink, "plan.json is missing"),
        ("plan.json", lambda path: path.write_bytes(b"\xff"), "plan.json cannot be read"),
        ("plan.json", lambda path: path.write_text("[" * 100_000), "plan.json cannot be read"),
        ("plan.json", lambda path: path.write_text(path.read_text() + "\n"), "not in canonical form"),
        ("plan.json", lambda path: path.write_text(path.read_text().replace('"seed":0', '"seed":1')), "was altered"),
        ("plan.json", lambda path: path.write_text(path.read_text().replace('"batch":1', '"batch":0')), "batch=0"),
    ],
)
def test_whatever_is_done_to_the_files_of_a_run_is_seen(store, tracker, experiment, name, touch, said):
    touch(folder_of(store, finished(tracker)) / name)
    cell = only_cell(store, experiment)
    assert cell.record is None
    assert said in cell.problem
    assert cell.tagged_digest == record_digest(MADE)


def test_a_look_whose_weights_cannot_be_read_is_counted_against_every_idea(store, tracker, experiment):
    run_id = finished(tracker)
    for weights in ("[" * 4000, "[5]", "null", '[["a","\\ud800"]]'):
        store.client.set_tag(run_id, names.LOOK, "f" * 64)
        store.client.set_tag(run_id, names.WEIGHTS, weights)
        [look] = read_evidence(store, experiment).unlisted
        assert (look.run_id, look.idea) == (run_id, None)
    store.client.delete_tag(run_id, names.LOOK)


def test_an_edited_record_with_its_digest_edited_too_still_has_to_be_a_record_of_this_run(store, tracker, experiment):
    run_id = finished(tracker)
    for text, said in (
        (record_text(replace(MADE, attempt="another")), "belongs to another run"),
        (
            record_text(MADE).replace('"quality_reason":null', '"quality_reason":null,"verdict":"ACCEPTED"'),
            "unknown field",
        ),
        (record_text(MADE).replace('"ended_at":1100.0', '"ended_at":1e999'), "cannot be read"),
        (record_text(MADE).replace('"ended_at":1100.0', '"ended_at":1100.00'), "not in canonical form"),
    ):
        (folder_of(store, run_id) / names.RECORD_FILE).write_text(text)
        store.client.set_tag(run_id, names.RECORD_DIGEST, sha256_text(text))
        assert said in only_cell(store, experiment).problem


def test_a_run_whose_artifacts_point_out_of_the_store_is_refused(store, tracker, experiment, tmp_path):
    run_id = finished(tracker)
    shutil.copytree(folder_of(store, run_id), tmp_path / "copy")
    outside = f"files at {{}} are refused: the store keeps its own below {Path(store.artifact_root).parent}"
    for uri, said in (
        (str(tmp_path / "copy"), outside),
        ((tmp_path / "copy").as_uri(), outside),
        (f"{store.artifact_root}/../{run_id}", "plan.json"),
    ):
        with closing(sqlite3.connect(Path(store.artifact_root).parent / "mlflow.db")) as connection:
            connection.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (uri, run_id))
            connection.commit()
        assert said.format(uri) in only_cell(store, experiment).problem


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({names.SCHEMA: str(SCHEMA_VERSION)}, "no tag ace.kind, although other tags of ACE are there"),
        ({names.KIND: "cell", names.SCHEMA: "99"}, f"schema 99, this one reads {SCHEMA_VERSION}"),
        ({names.KIND: "cell"}, "schema None"),
        ({names.KIND: "prophecy", names.SCHEMA: str(SCHEMA_VERSION)}, "unknown to this version"),
        ({names.KIND: "cell", names.SCHEMA: str(SCHEMA_VERSION)}, "plan.json is missing"),
        ({names.KIND: "sweep", names.SCHEMA: str(SCHEMA_VERSION)}, "planned.json is missing"),
    ],
)
def test_a_run_that_ace_did_not_write_is_shown_not_skipped(store, tracker, experiment, tags, said):
    store.client.create_run(store.experiment_id(experiment, create=False), tags=tags)
    assert said in only_cell(store, experiment).problem


def remove_tags(store, run_id, *tags):
    for tag in tags or tuple(store.client.get_run(run_id).data.tags):
        store.client.delete_tag(run_id, tag)


@pytest.mark.parametrize("kind", ["decision", "sweep", "foretold", None])
def test_one_tag_does_not_take_a_cell_out_of_the_evidence(store, tracker, experiment, kind):
    run_id = finished(tracker)
    if kind is None:
        store.client.delete_tag(run_id, names.KIND)
    else:
        store.client.set_tag(run_id, names.KIND, kind)
    store.client.set_tag(run_id, "ace.verdict", "REJECTED")
    cell = only_cell(store, experiment)
    shown = f"ace.kind={kind}" if kind else "no tag ace.kind"
    assert (cell.status, cell.plan, cell.record) == ("FINISHED", MADE.plan, None)
    assert cell.record_digest == cell.tagged_digest == record_digest(MADE)
    assert cell.problem.startswith(f"{shown}, but the run has marks of a cell (ace.attempt, ")
    assert read_evidence(store, experiment).sweeps == ()


@pytest.mark.parametrize("kept", ["plan.json", "record.json", None])
def test_a_cell_stripped_of_all_tags_is_known_by_its_files_and_its_params(store, tracker, experiment, kept):
    run_id = finished(tracker)
    remove_tags(store, run_id)
    for name in {"plan.json", "record.json"} - {kept}:
        (folder_of(store, run_id) / name).unlink()
    cell = only_cell(store, experiment)
    assert cell.problem.startswith("no tag ace.kind, but the run has marks of a cell (")
    store.client.delete_run(run_id)
    assert only_cell(store, experiment).problem.startswith("no tag ace.kind, but")


@pytest.mark.parametrize("kind", ["decision", None])
def test_one_tag_does_not_take_a_declared_sweep_out_of_the_evidence(store, tracker, experiment, kind):
    run_id = tracker.declare_sweep("sweep-1", ("batch=1",))
    remove_tags(store, run_id, names.KIND)
    if kind:
        store.client.set_tag(run_id, names.KIND, kind)
        store.client.set_tag(run_id, "ace.verdict", "REJECTED")
    assert "but the run has marks of a sweep (ace.planned_sha256, planned.json)" in only_cell(store, experiment).problem


def test_a_decision_without_a_verdict_is_none(store, tracker, experiment, tmp_path):
    tracker.log_decision(tmp_path, {}, {}, "")
    assert only_cell(store, experiment).problem == "ace.kind=decision, but the run has no verdict (no tag ace.verdict)"


def test_a_cell_measured_under_another_experiment_is_not_believed(store, tracker, experiment):
    elsewhere = replace(MADE, plan=replace(MADE.plan, experiment="elsewhere"))
    finished(tracker, elsewhere)
    cell = only_cell(store, experiment)
    assert (cell.plan, cell.record) == (elsewhere.plan, None)
    assert cell.record_digest == cell.tagged_digest == record_digest(elsewhere)
    assert cell.problem == f"measured under experiment 'elsewhere', not '{experiment}'; move it back"


@pytest.mark.parametrize("status", ["FAILED", "KILLED", "RUNNING", "SCHEDULED"])
def test_a_measurement_outlives_a_change_of_its_status(store, tracker, experiment, status):
    run_id = finished(tracker)
    store.client.update_run(run_id, status=status)
    cell = only_cell(store, experiment)
    assert (cell.status, cell.record) == (status, MADE)
    assert cell.problem == f"status says {status} but its record holds 2 sessions"


def test_a_cell_that_measured_nothing_fails_with_its_record_and_without_a_problem(store, tracker, experiment):
    nothing = replace(MADE, sessions=())
    finish(tracker, begin(tracker, nothing), nothing, status="FAILED")
    cell = only_cell(store, experiment)
    assert (cell.status, cell.record, cell.problem) == ("FAILED", nothing, None)


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED", "RUNNING"])
def test_a_measurement_without_its_digest_is_named_whatever_its_status(store, tracker, experiment, status):
    run_id = finished(tracker)
    store.client.update_run(run_id, status=status)
    store.client.delete_tag(run_id, names.RECORD_DIGEST)
    cell = only_cell(store, experiment)
    assert (cell.record, cell.record_digest, cell.tagged_digest) == (None, record_digest(MADE), None)
    assert cell.problem == "record.json is there, but nothing vouches for it: no tag ace.record_sha256"

    (folder_of(store, run_id) / names.RECORD_FILE).unlink()
    tracker.abort(run_id, status, "Boom: made up")
    problem = only_cell(store, experiment).problem
    assert problem.startswith("the record was removed: record.json and its digest are gone, but ace.data_sha256, ")


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_an_altered_record_is_a_problem_whatever_its_status(store, tracker, experiment, status):
    run_id = finished(tracker)
    store.client.update_run(run_id, status=status)
    edit(folder_of(store, run_id) / names.RECORD_FILE)
    assert "the record was altered" in only_cell(store, experiment).problem
    (folder_of(store, run_id) / names.RECORD_FILE).unlink()
    assert "record.json is missing" in only_cell(store, experiment).problem


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_an_explained_end_is_told_from_a_silent_one(store, tracker, experiment, status):
    run_id = begin(tracker)
    store.client.set_terminated(run_id, status)
    assert only_cell(store, experiment).problem == "no record and no traceback"
    tracker.abort(run_id, status, " \n")
    assert only_cell(store, experiment).problem == "no record and no traceback"
    tracker.abort(run_id, status, "Traceback (most recent call last):\n  ...\nOSError: disk full\n")
    assert only_cell(store, experiment).problem == "traceback: OSError: disk full"
    (folder_of(store, run_id) / names.PLAN_FILE).unlink()
    assert only_cell(store, experiment).problem == "traceback: OSError: disk full; plan.json is missing"


def test_a_finished_run_without_any_record_is_a_problem(store, tracker, experiment):
    store.client.set_terminated(begin(tracker), "FINISHED")
    said = "FINISHED without a record (no record.json, no tag ace.record_sha256)"
    assert only_cell(store, experiment).problem == said


def test_a_run_logged_by_hand_is_shown_as_foreign_until_it_is_deleted(store, experiment, tracker):
    made = store.client.create_run(store.experiment_id(experiment, create=False), tags={"mlflow.user": "someone"})
    store.client.log_metric(made.info.run_id, "loss", 1.0)
    store.client.log_param(made.info.run_id, "seed", "0")
    store.client.set_terminated(made.info.run_id)
    cell = only_cell(store, experiment)
    assert (cell.status, cell.plan, cell.record) == ("FOREIGN", None, None)
    assert cell.problem == "not written by ACE; ignored"
    store.client.delete_run(made.info.run_id)
    assert read_evidence(store, experiment).cells == ()


def test_a_run_whose_files_cannot_be_listed_is_a_problem(store, tracker, experiment):
    folder = folder_of(store, finished(tracker))
    shutil.rmtree(folder)
    folder.write_text("no folder")
    assert "cannot list the files" in only_cell(store, experiment).problem


def test_an_unwelcome_attempt_deleted_in_the_ui_is_still_seen(store, tracker, experiment):
    store.client.delete_run(finished(tracker))
    assert "was deleted in MLflow" in only_cell(store, experiment).problem


def test_a_declared_sweep_comes_back_with_its_jobs_even_if_deleted(store, tracker, experiment):
    planned = ("batch=1,seq_len=64", "batch=2,seq_len=64")
    run_id = tracker.declare_sweep("sweep-1", planned)
    tracker.end_sweep(run_id, "FAILED", planned[1:])
    store.client.delete_run(run_id)
    (sweep,) = read_evidence(store, experiment).sweeps
    assert sweep == StoredSweep(run_id, "sweep-1", "FAILED", sweep.started_at, planned, planned[1:])


def test_a_decision_keeps_every_file_of_its_bundle_and_is_no_evidence(store, tracker, experiment, tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "decision.json").write_text("{}")
    (tmp_path / "records" / "one.json").write_text("[]")
    run_id = tracker.log_decision(tmp_path, {"ace.verdict": "EXPLORATORY"}, {"speed/gain_log": 0.05}, "not yet")
    folder = folder_of(store, run_id)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.json")} == {"decision.json", "records/one.json"}
    run = store.client.get_run(run_id)
    assert (run.info.status, run.data.tags["ace.verdict"], run.data.tags[names.KIND]) == (
        "FINISHED",
        "EXPLORATORY",
        "decision",
    )
    assert read_evidence(store, experiment).cells == ()


def test_evidence_comes_oldest_first(store, tracker, experiment):
    for started_at in (3000.0, 1000.0, 2000.0):
        finished(tracker, replace(MADE, started_at=started_at, attempt=f"at {started_at}"))
    assert [cell.started_at for cell in read_evidence(store, experiment).cells] == [1000.0, 2000.0, 3000.0]


DIES_HALF_WAY = """
import os, signal, sys
from pathlib import Path
from ace.tracking.store import open_store
from ace.tracking.writer import Tracker
from tests import builders

made = builders.record(sessions=1)
Tracker(open_store(None, Path(sys.argv[1])), sys.argv[2]).begin(
    made.plan, attempt="dies", sweep=None, job=None, code=made.code, weights=made.weights, cell_key="key",
    started_at=made.started_at)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_attempt_killed_half_way_is_closed_and_the_living_and_the_distant_are_not(store, tracker, experiment):
    root = Path(store.artifact_root).parent
    died = subprocess.run(
        [sys.executable, "-c", DIES_HALF_WAY, str(root), experiment], cwd=Path(__file__).parents[2], check=False
    )
    assert died.returncode == -signal.SIGKILL
    alive, distant, contained, altered = (begin(tracker) for _ in range(4))
    store.client.set_tag(distant, names.HOST, "another host")
    store.client.set_tag(contained, PID_NAMESPACE, "pid:[1]")
    for run_id in (distant, contained):
        store.client.set_tag(run_id, names.PID, str(os.getpid() + 2**30))
    store.client.set_tag(altered, names.PID, "-1")

    (closed,) = reconcile(store, experiment, this_process())
    assert "is gone" in closed.because
    cells = {cell.run_id: cell for cell in read_evidence(store, experiment).cells}
    assert cells[closed.run_id].status == "KILLED"
    assert {cells[run_id].status for run_id in (alive, distant, contained, altered)} == {"RUNNING"}
    assert cells[closed.run_id].plan is not None
    assert "no record and no traceback; process" in cells[closed.run_id].problem
    assert reconcile(store, experiment, this_process()) == ()
