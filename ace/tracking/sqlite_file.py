"""The SQLite file of a store: made once, whole, by whoever comes first, and looked at before MLflow opens it.

Below `store`. MLflow sets its schema up on first use, in seconds and in many steps. Two processes doing so at once, or
one killed while doing it, leave a database that nobody can open again; hence the lock, the temporary name, the rename.
"""

import os
import sqlite3
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from filelock import FileLock, Timeout
from sqlalchemy.exc import SADeprecationWarning

from ace.errors import StoreError

with warnings.catch_warnings():
    # MLflow 3.17 under SQLAlchemy 2.1, once, while it sets its own classes up; nothing of ours is involved
    warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated", SADeprecationWarning)
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

KNOWN = frozenset({
    (
        "trigger",
        "prevent_secrets_aad_mutation",
        "CREATE TRIGGER prevent_secrets_aad_mutation BEFORE UPDATE ON secrets FOR EACH ROW "
        "WHEN OLD.secret_id != NEW.secret_id OR OLD.secret_name != NEW.secret_name "
        "BEGIN SELECT RAISE(ABORT, 'secret_id and secret_name are immutable (used as AAD in encryption)'); END",
    ),
    ("generated column", "spans.duration_ns", ""),
})  # fmt: skip
"""What MLflow 3.17 makes of what reckons by itself: kind, name and text, blanks aside. Of another version it is looked
up in a store that it makes."""
LOCK_WAIT_S = 60.0  # a first start takes 2 to 5 s, and several may stand in line
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "lustre", "beegfs", "ceph", "fuse.sshfs"}


@contextmanager
def made_once(database: Path, artifacts: Path) -> Iterator[None]:
    """The file, made first where there is none, held so that nobody else makes it meanwhile.

    `artifacts`: where its experiments keep files. Raises StoreError when it is no MLflow database, or nobody gives way.
    """
    with _lock(database):
        if not database.exists() or database.stat().st_size == 0:
            _make(database, artifacts)
        require_tables(database)
        yield


def require_tables(database: Path) -> None:
    """Raise StoreError for what MLflow did not make: it would set its tables up in whatever it is given, and retry for
    minutes on what is no database."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        query = "SELECT count(*) FROM sqlite_master WHERE name IN ('experiments', 'runs', 'alembic_version')"
        found = connection.execute(query).fetchone()[0]
        strange = _strange(connection)
    if strange is not None:  # any of them can be made to never end
        what, name = strange
        raise StoreError(f"{database} has a {what}, {name!s:.60}, which MLflow never makes; it is not read")
    if found != 3:
        raise StoreError(
            f"{database} is no MLflow database; move it away, or choose another place with tracking.uri=URI"
        )


def _strange(connection: sqlite3.Connection) -> tuple[str, str] | None:
    """Kind and name of the first thing in a database that reckons when a table is read or written, but for MLflow's."""
    strange = _reckoning(connection) - KNOWN
    if strange:
        strange -= _made_by_mlflow()
    return min(strange)[:2] if strange else None


def _reckoning(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str]]:
    """Views, triggers and generated columns: kind, name and text, blanks aside."""
    query = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('view', 'trigger')"
    made = {(kind, str(name), " ".join(str(text).split())) for kind, name, text in connection.execute(query)}
    query = (  # 2 and 3: generated when it is read, and when it is written
        "SELECT made.name || '.' || own.name FROM sqlite_master AS made, pragma_table_xinfo(made.name) AS own "
        "WHERE made.type = 'table' AND own.hidden IN (2, 3)"
    )
    return frozenset(made | {("generated column", str(place), "") for (place,) in connection.execute(query)})


@cache
def _made_by_mlflow() -> frozenset[tuple[str, str, str]]:
    """The same of a store that the MLflow installed here has just made: seconds, once a process, and only where a store
    has what `KNOWN` lacks."""
    with TemporaryDirectory() as folder:
        fresh = Path(folder, "fresh.db")
        _set_up(fresh, Path(folder))
        with closing(sqlite3.connect(fresh)) as connection:
            return _reckoning(connection)


@contextmanager
def _lock(database: Path) -> Iterator[None]:
    path = database.with_name(database.name + ".lock")
    try:
        with FileLock(path, timeout=LOCK_WAIT_S):
            yield
    except Timeout as error:
        raise StoreError(
            f"another process has been setting up {database} for more than {LOCK_WAIT_S:.0f} s; "
            f"wait for it or end it (it holds {path})"
        ) from error


def _make(database: Path, artifacts: Path) -> None:
    """Set the schema up under another name, then rename: killed at any moment, this leaves no half-made store."""
    fresh = database.with_name(database.name + ".new")
    for left in (fresh, fresh.with_name(fresh.name + "-journal")):
        left.unlink(missing_ok=True)
    _set_up(fresh, artifacts)
    if not on_network(database, [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]):
        with closing(sqlite3.connect(fresh)) as connection:
            # readers and a writer at once, and a faster commit; its shared memory does not work across hosts
            connection.execute("PRAGMA journal_mode=WAL")
    os.replace(fresh, database)


def _set_up(database: Path, artifacts: Path) -> None:
    SqlAlchemyStore(f"sqlite:///{database}", str(artifacts)).engine.dispose()  # type: ignore[no-untyped-call]


def on_network(path: Path, mounts: Iterable[tuple[str, str]]) -> bool:
    """Whether `path` lies on a network file system.  `mounts`: mount points and their file systems."""
    above = [(len(point), kind) for point, kind in mounts if path.is_relative_to(point)]
    return bool(above) and max(above)[1] in NETWORK_FILE_SYSTEMS
