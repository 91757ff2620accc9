"""The store is made once and whole, whatever its first users do to each other; opening it says what is wrong."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from ace.errors import StoreError
from ace.tracking.store import experiments, on_network, open_existing_store, open_store

# A first start as launch.py does it, noting every attempt to reach the network.
FIRST_START = """
import json, socket, sys, threading
from pathlib import Path

asked = []
def refuse(*args, **kwargs):
    asked.append(repr(args))
    raise OSError("no network in this test")
socket.socket.connect = socket.getaddrinfo = refuse

from ace.tracking.reader import read_evidence
from ace.tracking.store import open_store
from ace.tracking.writer import Tracker
from tests import builders

name = sys.argv[2]
made = builders.record(sessions=1)
tracker = Tracker(open_store(None, Path(sys.argv[1])), "shared")
run_id = tracker.begin(made.plan, attempt=name, sweep=None, job=None, code=made.code, digests=made.digests,
                       cell_key="key", started_at=made.started_at)
threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
print(json.dumps({"run_id": run_id, "asked": asked, "threads": threads}))
"""


def first_start(root: Path, name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", FIRST_START, str(root), name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture(scope="module")
def after_four_first_starts(tmp_path_factory):
    """A root whose first start was killed half-way and that four processes then opened at once, with what they said."""
    root = tmp_path_factory.mktemp("first") / "mlruns"
    killed = first_start(root, "killed")
    while killed.poll() is None and not (root / "mlflow.db.new").exists():
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert not (root / "mlflow.db").exists(), "the kill came too late to be half-way"
    started = [first_start(root, f"attempt-{i}") for i in range(4)]
    return root, [process.communicate(timeout=120) for process in started]


def test_four_first_starts_at_once_after_a_killed_one_lose_nothing(after_four_first_starts):
    root, said = after_four_first_starts
    assert [error for _, error in said] == [""] * 4
    store = open_existing_store(None, root)
    stored = {run.info.run_id for run in store.runs(store.experiment_id("shared", create=False))}
    assert stored == {json.loads(out)["run_id"] for out, _ in said}
    assert len(stored) == 4


def test_opening_and_writing_say_nothing_ask_no_network_and_leave_no_thread(after_four_first_starts):
    _, said = after_four_first_starts
    assert [(json.loads(out)["asked"], json.loads(out)["threads"], error) for out, error in said] == [([], [], "")] * 4


def test_a_local_store_uses_a_write_ahead_log_and_keeps_files_beside_the_database(after_four_first_starts):
    root, _ = after_four_first_starts
    with closing(sqlite3.connect(root / "mlflow.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert open_store(None, root).experiment("shared").artifact_location == str(root / "artifacts")


def test_an_unknown_experiment_is_answered_with_those_that_exist(after_four_first_starts):
    root, _ = after_four_first_starts
    store = open_existing_store(None, root)
    with pytest.raises(StoreError, match=r"no experiment 'token_prunning' in .*mlflow\.db; it holds: shared$"):
        store.experiment_id("token_prunning", create=False)
    assert experiments(store) == ("shared",)


def test_a_deleted_experiment_is_not_silently_made_again(after_four_first_starts):
    root, _ = after_four_first_starts
    store = open_store(f"sqlite:///{root}/mlflow.db", root)
    store.client.delete_experiment(store.experiment_id("dropped", create=True))
    with pytest.raises(StoreError, match=r"was deleted .* `mlflow experiments restore"):
        store.experiment_id("dropped", create=True)


def test_reading_where_nothing_was_recorded_makes_nothing(tmp_path):
    with pytest.raises(StoreError, match=r"no tracking store at .* record something first"):
        open_existing_store(None, tmp_path / "mlruns")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_left_alone_and_named(tmp_path):
    database = tmp_path / "mlflow.db"
    database.write_text("precious notes")
    for open_it in (open_store, open_existing_store):
        with pytest.raises(StoreError, match=r"the tracking store .*: file is not a database"):
            open_it(None, tmp_path)
    assert database.read_text() == "precious notes"


def test_a_database_of_something_else_is_left_alone_and_named(tmp_path):
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE precious (note TEXT)")
    for open_it in (open_store, open_existing_store):
        with pytest.raises(StoreError, match="is no MLflow database"):
            open_it(None, tmp_path)


def test_a_root_below_a_file_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot write the tracking store .* tracking\.root"):
        open_store(None, tmp_path / "file" / "mlruns")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_root_is_refused_with_what_to_do(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(StoreError, match=r"cannot write the tracking store .* tracking\.root"):
        open_store(None, tmp_path)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("mlruns", "is refused; allowed"),
        ("file:///tmp/mlruns", "is refused; allowed"),
        ("sqlite://", "names no file"),
        ("http://localhost:9", "does not answer"),
        ("postgresql://ace:secret@localhost:9/mlflow", r"ace:\*\*\*@localhost:9/mlflow does not answer"),
    ],
)
def test_a_store_that_cannot_be_is_refused_within_seconds(tmp_path, uri, said):
    for open_it in (open_store, open_existing_store):
        with pytest.raises(StoreError, match=said):
            open_it(uri, tmp_path)


def test_the_deepest_mount_decides_whether_a_write_ahead_log_is_safe():
    mounts = [("/", "ext4"), ("/home", "nfs4"), ("/home/me/fast", "xfs")]
    assert on_network(Path("/home/me/mlruns/mlflow.db"), mounts)
    assert not on_network(Path("/home/me/fast/mlflow.db"), mounts)
    assert not on_network(Path("/homes/mlflow.db"), mounts)
