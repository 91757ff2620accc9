"""The store is made once and whole, whatever its first users do to each other; opening it says what is wrong."""

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from ace.errors import StoreError
from ace.tracking.sqlite_file import on_network
from ace.tracking.store import experiments, open_existing_store, open_store
from ace.tracking.writer import Tracker
from tests import builders

# One cell begun and finished in a fresh process, noting every attempt to reach the network.
ONE_CELL = """
import socket, sys, threading
from pathlib import Path

def refuse(*args, **kwargs):
    print("asked the network for", args)
    raise OSError("no network in this test")
socket.socket.connect = socket.getaddrinfo = refuse

from ace.tracking.store import open_store
from ace.tracking.writer import Tracker
from tests import builders

made = builders.record(sessions=1)
tracker = Tracker(open_store(None, Path(sys.argv[1])), "quiet")
run_id = tracker.begin(made.plan, attempt=made.attempt, sweep=None, job=None, code=made.code, weights=made.weights,
                       cell_key="key", started_at=made.started_at)
tracker.finish(run_id, made, summary={}, provenance={}, note="", status="FINISHED")
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        print("left a thread", thread.name)
"""


def record_one(root: Path, attempt: str) -> None:
    made = builders.record(sessions=1)
    Tracker(open_store(None, root), "shared").begin(
        made.plan, attempt=attempt, sweep=None, job=None, code=made.code, weights=made.weights, cell_key="key",
        started_at=made.started_at,
    )  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root whose first start was killed half-way and that four processes then opened at the same moment."""
    root = tmp_path_factory.mktemp("first") / "mlruns"
    fork = multiprocessing.get_context("fork")  # everything is imported already, so that they really collide
    killed = fork.Process(target=record_one, args=(root, "killed"))
    killed.start()
    while killed.is_alive() and not (root / "mlflow.db.new").exists():
        time.sleep(0.005)
    killed.kill()
    killed.join()
    assert not (root / "mlflow.db").exists(), "the kill came too late to be half-way"
    started = [fork.Process(target=record_one, args=(root, f"attempt-{i}")) for i in range(4)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * 4
    return root


def test_four_first_starts_at_once_after_a_killed_one_lose_nothing(root):
    store = open_existing_store(None, root)
    stored = store.runs(store.experiment_id("shared", create=False))
    assert sorted(run.data.tags["ace.attempt"] for run in stored) == [f"attempt-{i}" for i in range(4)]


def test_writing_a_cell_says_nothing_asks_no_network_and_leaves_no_thread(root):
    command = [sys.executable, "-W", "error", "-c", ONE_CELL, str(root)]
    bare = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}  # MLflow behaves under pytest or CI
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], env=bare, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_a_local_store_uses_a_write_ahead_log_and_keeps_files_beside_the_database(root):
    with closing(sqlite3.connect(root / "mlflow.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert open_store(None, root).experiment("shared").artifact_location == str(root / "artifacts")


def test_an_unknown_experiment_is_answered_with_those_that_exist(root):
    store = open_existing_store(None, root)
    with pytest.raises(StoreError, match=r"no experiment 'token_prunning' in .*mlflow\.db; it holds: .*shared"):
        store.experiment_id("token_prunning", create=False)
    assert "shared" in experiments(store)


def test_a_deleted_experiment_is_not_silently_made_again(root):
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


@pytest.fixture
def read_only_folder():
    """A folder that nobody may write to; root, who may write anywhere, becomes nobody for as long."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


def test_a_read_only_root_is_refused_with_what_to_do(read_only_folder):
    for root in (read_only_folder, read_only_folder / "mlruns"):
        with pytest.raises(StoreError, match=r"cannot write the tracking store .* make it writable.*tracking\.root"):
            open_store(None, root)


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
