"""Every run of an experiment, as the reader of evidence needs them: all of a large store in seconds.

Between `store` and `reader`. MLflow's search makes an object for every row of every table, for 10 000 runs twenty
times as slow as four selects. Where the store is an SQLite file whose tables are those of the MLflow that this was
written for, they are read directly, read-only and as of one moment; anything else is searched through the client, and
gives the same.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from mlflow.entities import LifecycleStage, Metric, Param, Run, RunData, RunInfo, RunStatus, RunTag
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlParam, SqlRun, SqlTag
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME
from sqlalchemy import Connection, Row, Table, create_engine, select, text
from sqlalchemy.pool import StaticPool

from ace.errors import StoreError
from ace.tracking.store import Store, store_errors

REVISIONS = frozenset({"dc11669786a5"})
"""Of MLflow's tables (alembic), as this reads them; a test asks for the installed one. Others are left to MLflow."""
STATUSES = frozenset(map(RunStatus.to_string, RunStatus.all_status()))
STAGES = frozenset((LifecycleStage.ACTIVE, LifecycleStage.DELETED))
CHUNK = 500  # runs whose tags, params and metrics are in memory at once; SQLite takes at least 999 variables
RUNS, TAGS, PARAMS, METRICS = (cast(Table, kind.__table__) for kind in (SqlRun, SqlTag, SqlParam, SqlLatestMetric))


def every_run(store: Store, experiment_id: str) -> Iterator[Run]:
    """The runs of one experiment, deleted ones too, oldest first; their inputs and outputs are left out."""
    if store.database is not None:
        with store_errors(f"cannot read the runs in {store.shown}"), closing(_read_only(store.database)) as connection:
            if _known(connection):
                yield from _selected(connection, int(experiment_id))
                return
    yield from store.runs(experiment_id)


def _known(connection: Connection) -> bool:
    with connection.begin():  # over before the moment that is read as a whole begins
        return {str(row[0]) for row in connection.execute(text("SELECT version_num FROM alembic_version"))} <= REVISIONS


def _read_only(database: Path) -> Connection:
    uri = f"{database.as_uri()}?mode=ro"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=StaticPool)
    return engine.connect()


def _selected(connection: Connection, experiment_id: int) -> Iterator[Run]:
    connection.exec_driver_sql("BEGIN")  # all selects see the store as it is now, whoever writes meanwhile
    oldest_first = (RUNS.c.start_time.is_(None), RUNS.c.start_time, RUNS.c.run_uuid)  # as MLflow's search does
    rows = connection.execute(select(RUNS).where(RUNS.c.experiment_id == experiment_id).order_by(*oldest_first)).all()
    for first in range(0, len(rows), CHUNK):
        chunk = rows[first : first + CHUNK]
        names = [row.run_uuid for row in chunk]
        tags, params, metrics = (_by_run(connection, table, names) for table in (TAGS, PARAMS, METRICS))
        for row in chunk:
            own = row.run_uuid
            yield _run(row, tags[own], params[own], metrics[own])


def _by_run(connection: Connection, table: Table, names: Sequence[str]) -> defaultdict[str, list[Row[Any]]]:
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(select(table).where(table.c.run_uuid.in_(names))):
        found[row.run_uuid].append(row)
    return found


def _run(row: Row[Any], tags: list[Row[Any]], params: list[Row[Any]], metrics: list[Row[Any]]) -> Run:
    """Raises StoreError for rows that somebody else wrote: a column of SQLite holds whatever it is given."""
    words = [row.artifact_uri or "", row.user_id]
    for pair in (*tags, *params):
        words += [pair.key, pair.value]
    times = [row.start_time, *([] if row.end_time is None else [row.end_time])]
    for metric in metrics:
        words.append(metric.key)
        times += [metric.timestamp, metric.step]
    numbers = [metric.value for metric in metrics]
    for kinds, values in ((str, words), (int, times), ((int, float), numbers)):
        if odd := [value for value in values if not isinstance(value, kinds)]:
            raise StoreError(f"run {row.run_uuid} is not as MLflow writes it: it holds {odd[0]!r:.60}")
    for what, value, allowed in (("status", row.status, STATUSES), ("stage", row.lifecycle_stage, STAGES)):
        if value not in allowed:
            raise StoreError(f"run {row.run_uuid} is not as MLflow writes it: its {what} is {value!r:.60}")
    named = row.name or next((tag.value for tag in tags if tag.key == MLFLOW_RUN_NAME), None) or row.name
    info = RunInfo(
        run_id=row.run_uuid,
        run_name=named,
        experiment_id=str(row.experiment_id),
        user_id=row.user_id,
        status=row.status,
        start_time=row.start_time,
        end_time=row.end_time,
        lifecycle_stage=row.lifecycle_stage,
        artifact_uri=row.artifact_uri,
    )
    data = RunData(
        # NaN is stored as 0 with a mark beside it
        metrics=[Metric(m.key, float("nan") if m.is_nan else m.value, m.timestamp, m.step) for m in metrics],
        params=[Param(p.key, p.value) for p in params],
        tags=[RunTag(t.key, t.value) for t in tags],
    )
    return Run(info, data)
