"""Runs read straight from MLflow's tables are those that its client finds, whatever was logged and however many."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities import Run as MlflowRun
from sqlalchemy.exc import OperationalError

from ace.errors import StoreError
from ace.tracking import every_run as reading
from ace.tracking.every_run import every_run
from ace.tracking.reader import read_evidence
from ace.tracking.store import Store, open_existing_store, open_store
from benchmarks.recorded import EXPERIMENT, fill

ODD = {"ace.kind": "cell", "mlflow.note.content": "line one\nü ' \" % _ \\", "empty": ""}
METRICS = {"a/nan": float("nan"), "a/inf": float("inf"), "a/minus": float("-inf"), "a/small": 5e-324, "a/old": 1.0}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cells of a sweep, a deleted run, one of the same millisecond, a RUNNING one, odd values, another experiment."""
    root = tmp_path_factory.mktemp("every") / "mlruns"
    store = fill(root, 4)
    client, own = store.client, store.experiment(EXPERIMENT).experiment_id
    first = client.search_runs([own])[-1]
    for start in (first.info.start_time, first.info.start_time, 1):
        run = client.create_run(own, start, ODD, "a run")
        metrics = [Metric(key, value, 7, 0) for key, value in METRICS.items()] + [Metric("a/old", 2.0, 9, 1)]
        client.log_batch(run.info.run_id, metrics, [Param("odd", "x" * 500)], [RunTag("later", "1")])
    client.delete_run(run.info.run_id)
    client.create_run(client.create_experiment("another"), 5, {"ace.kind": "cell"})
    return root


@pytest.fixture
def store(root: Path) -> Store:
    return open_existing_store(None, root)


def told(run: MlflowRun) -> tuple[object, ...]:
    data = run.data
    metrics = {key: repr(value) for key, value in data.metrics.items()}  # NaN is not even itself
    return dict(run.info), data.tags, data.params, metrics


def own_id(store: Store) -> str:
    return str(store.experiment(EXPERIMENT).experiment_id)


@pytest.mark.parametrize("chunk", [1, 3, reading.CHUNK])
def test_the_tables_give_what_the_client_gives_in_the_same_order(
    store: Store, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", chunk)
    through_client = [told(run) for run in store.runs(own_id(store))]
    assert len(through_client) == 4 + 1 + 3  # the sweep's own run too
    assert [told(run) for run in every_run(store, own_id(store))] == through_client


def test_evidence_is_the_same_either_way(store: Store) -> None:
    fast = read_evidence(store, EXPERIMENT)
    assert len([cell for cell in fast.cells if cell.record is not None]) == 4
    assert fast == read_evidence(replace(store, database=None), EXPERIMENT)


def test_the_installed_mlflow_makes_tables_that_are_read_directly(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "runs", lambda *_: pytest.fail("searched through the client"))
    assert len(list(every_run(store, own_id(store)))) == 8


def test_tables_of_another_mlflow_are_left_to_its_client(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "REVISIONS", frozenset({"0123456789ab"}))
    monkeypatch.setattr(reading, "_selected", lambda *_: pytest.fail("read directly"))
    assert len(list(every_run(store, own_id(store)))) == 8


def test_the_direct_way_cannot_write(root: Path) -> None:
    with closing(reading._read_only(root / "mlflow.db")) as connection, pytest.raises(OperationalError):
        connection.exec_driver_sql("DELETE FROM tags")


def test_a_run_that_is_added_while_others_are_read_is_not_half_there(tmp_path: Path) -> None:
    store = fill(tmp_path / "mlruns", 2)
    seen = every_run(store, own_id(store))
    first = next(seen)
    store.client.create_run(own_id(store), 9, {"ace.kind": "cell"})
    assert len([first, *seen]) == 3
    assert len(list(every_run(store, own_id(store)))) == 4


def test_a_broken_table_is_one_line(tmp_path: Path) -> None:
    store = open_store(None, tmp_path / "mlruns")
    own = store.experiment_id("broken", create=True)
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as connection:
        connection.execute("DROP TABLE latest_metrics")
        connection.commit()
    store.client.create_run(own)
    with pytest.raises(StoreError, match=r"cannot read the runs in .*latest_metrics"):
        list(every_run(store, own))
