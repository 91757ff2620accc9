"""Opening the store: made once, whole, by whoever comes first; never by accident by someone who only wants to read.

MLflow sets its schema up on first use, in seconds and in many steps. Two processes doing so at once, or one killed
while doing it, leave a database that nobody can open again; hence the lock, the temporary name and the rename.
"""

import logging
import os
import socket
import sqlite3
import urllib.request
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType
from mlflow.exceptions import MlflowException
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SADeprecationWarning, SQLAlchemyError

from ace.errors import StoreError
from ace.tracking.places import PORTS, Places

with warnings.catch_warnings():
    # MLflow 3.17 under SQLAlchemy 2.1, once, while it sets its own classes up; nothing of ours is involved
    warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated", SADeprecationWarning)
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

LOCK_WAIT_S = 60.0  # a first start takes 2 to 5 s, and several may stand in line
REACH_WAIT_S = 5.0
PAGE = 1000
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "lustre", "beegfs", "ceph", "fuse.sshfs"}

# Everything these say reaches the user as a StoreError, or is news about a migration that nobody asked for.
logging.getLogger("mlflow").setLevel(logging.WARNING)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
logging.getLogger("alembic").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Store:
    """An open store. `artifact_root` is where new experiments keep files; None leaves it to the tracking server.
    `places`: where it may keep them. `database` is its SQLite file, None where it is something else."""

    shown: str
    artifact_root: str | None
    client: MlflowClient
    places: Places
    database: Path | None = None

    def experiment_id(self, name: str, create: bool) -> str:
        """The id of experiment `name`, made first where `create` allows.  Raises StoreError when there is none."""
        with store_errors(f"cannot open experiment {name!r} in {self.shown}"):
            if create and self.client.get_experiment_by_name(name) is None:
                try:
                    self.client.create_experiment(name, artifact_location=self.artifact_root)
                except MlflowException as error:
                    if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was faster
                        raise
        return str(self.experiment(name).experiment_id)

    def active_experiment(self, name: str) -> Experiment | None:
        """The experiment, in one question to the store; None when there is none, or it was deleted."""
        with store_errors(f"cannot look up experiment {name!r} in {self.shown}"):
            found = self.client.get_experiment_by_name(name)
        return found if found is not None and found.lifecycle_stage == "active" else None

    def experiment(self, name: str) -> Experiment:
        """The experiment as MLflow holds it.  Raises StoreError listing those that exist when `name` does not,
        and for one whose files are nowhere that this store may keep them."""
        with store_errors(f"cannot look up experiment {name!r} in {self.shown}"):
            found = self.client.get_experiment_by_name(name)
        if found is None:
            held = ", ".join(experiments(self)) or "none yet; `python launch.py` records the first"
            raise StoreError(f"no experiment {name!r} in {self.shown}; it holds: {held}")
        if found.lifecycle_stage == "deleted":
            raise StoreError(
                f"experiment {name!r} was deleted in {self.shown}; bring it back with "
                f"`mlflow experiments restore -x {found.experiment_id}`, or choose another name"
            )
        self.places.folder(str(found.artifact_location))
        return found

    def runs(self, experiment_id: str, wanted: str = "", view: int = ViewType.ALL) -> Iterator[Run]:
        """Runs matching the MLflow filter `wanted`, oldest first, in pages; deleted ones too unless `view` says so."""
        return self.runs_of([experiment_id], wanted, view)

    def runs_of(self, experiment_ids: list[str], wanted: str = "", view: int = ViewType.ALL) -> Iterator[Run]:
        """The same, of several experiments in one search."""
        token: str | None = None
        while True:
            with store_errors(f"cannot read the runs in {self.shown}"), _rows_of_others(self.shown):
                page = self.client.search_runs(
                    experiment_ids, wanted, view, PAGE, ["attributes.start_time ASC"], token
                )
            yield from page
            token = page.token
            if not token:
                return


    def all_experiments(self) -> list[Experiment]:
        """Every experiment, deleted ones too: what was done under a name that is gone was done."""
        found: list[Experiment] = []
        token: str | None = None
        while True:
            with store_errors(f"cannot list the experiments in {self.shown}"):
                page = self.client.search_experiments(ViewType.ALL, PAGE, page_token=token)
            found += page
            token = page.token
            if not token:
                return found


def open_store(uri: str | None, root: Path) -> Store:
    """Open the store for writing, making it first where there is none.

    Without `uri` it is an SQLite file under `root`. Artifacts go under `root` unless a tracking server keeps them.
    Raises StoreError saying what to do.
    """
    uri, database, artifacts = _place(uri, root)
    if database is None:
        return _served(uri, artifacts)
    with store_errors(
        f"cannot write the tracking store under {database.parent}",
        "make it writable, or choose another place with tracking.root=DIR or tracking.uri=URI",
    ):
        database.parent.mkdir(parents=True, exist_ok=True)
        artifacts.mkdir(parents=True, exist_ok=True)
        with _lock(database):
            if not database.exists() or database.stat().st_size == 0:
                _make(database, artifacts)
            _require_tables(database)
            client = _connect(uri)
    return Store(str(database), str(artifacts), client, _beside(database, artifacts), database)


def open_existing_store(uri: str | None, root: Path) -> Store:
    """Open the store for reading, making nothing.  Raises StoreError when there is none."""
    uri, database, artifacts = _place(uri, root)
    if database is None:
        return _served(uri, artifacts)
    if not database.is_file():
        raise StoreError(
            f"no tracking store at {database}: record something first (`python launch.py`), "
            "or name another with tracking.uri=URI"
        )
    with store_errors(
        f"cannot read the tracking store {database}",
        "make its folder writable (SQLite writes beside a file even to read it), or name another with tracking.uri=URI",
    ):
        _require_tables(database)
        return Store(str(database), str(artifacts), _connect(uri), _beside(database, artifacts), database)


def experiments(store: Store) -> tuple[str, ...]:
    """The names of the experiments in the store, MLflow's own empty one aside."""
    there = [found for found in store.all_experiments() if found.lifecycle_stage == "active"]
    return tuple(sorted(found.name for found in there if found.experiment_id != "0"))


@contextmanager
def store_errors(doing: str, advice: str = "") -> Iterator[None]:
    """Whatever MLflow, its database or the disk refuse, as one line of StoreError."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StoreError(f"{doing}: {reason}" + (f"; {advice}" if advice else "")) from error


@contextmanager
def _rows_of_others(shown: str) -> Iterator[None]:
    """What MLflow's own objects say of rows that MLflow never writes, as a StoreError."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError):
        raise
    except Exception as error:
        raise StoreError(f"a run in {shown} is not as MLflow writes it: {error}") from error


def _place(uri: str | None, root: Path) -> tuple[str, Path | None, Path]:
    """The URI to open, the SQLite file behind it (None for a server), and the folder for artifacts."""
    artifacts = root.absolute() / "artifacts"
    if uri is None:
        uri = f"sqlite:///{root.absolute() / 'mlflow.db'}"
    scheme = urlsplit(uri).scheme.split("+")[0]
    if scheme in PORTS:
        return uri, None, artifacts
    if scheme != "sqlite":
        raise StoreError(f"tracking.uri={_without_password(uri)} is refused; allowed: sqlite:///FILE, {'://, '.join(PORTS)}://")
    with store_errors(f"tracking.uri={uri} is no database URL"):
        name = make_url(uri).database
    if not name or name == ":memory:":
        raise StoreError(f"tracking.uri={uri} names no file, and evidence must outlive the process; use sqlite:///FILE")
    database = Path(name).absolute()
    uri = f"sqlite:///{database}"
    if make_url(uri).database != str(database):
        raise StoreError(f"the path {database} cannot stand in a database URL (a % or ? in it); choose another folder")
    return uri, database, artifacts


def _served(uri: str, artifacts: Path) -> Store:
    """A tracking server has its own place for files; a bare database has none."""
    is_server = uri.startswith("http")
    places = Places((artifacts.parent,), uri if is_server else None, alone=False)
    return Store(_without_password(uri), None if is_server else str(artifacts), _connect(uri), places)


def _beside(database: Path, artifacts: Path) -> Places:
    return Places(tuple(dict.fromkeys((artifacts.parent, database.parent))))


def _connect(uri: str) -> MlflowClient:
    shown = _without_password(uri)
    if not uri.startswith("sqlite"):
        _reach(uri, shown)
    with store_errors(f"cannot open the tracking store {shown}"):
        return MlflowClient(tracking_uri=uri)


def _reach(uri: str, shown: str) -> None:
    """Ask for a connection first: MLflow itself retries for minutes before it says that nobody is there."""
    parts = urlsplit(uri)
    scheme, host = parts.scheme.split("+")[0], parts.hostname or "localhost"
    proxied = scheme.startswith("http") and urllib.request.getproxies() and not urllib.request.proxy_bypass(host)
    if proxied:
        return
    with store_errors(f"the tracking server {shown} does not answer", "start it, or name another with tracking.uri"):
        socket.create_connection((host, parts.port or PORTS[scheme]), REACH_WAIT_S).close()


def _without_password(uri: str) -> str:
    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":***@") if password else uri


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
    SqlAlchemyStore(f"sqlite:///{fresh}", str(artifacts)).engine.dispose()  # type: ignore[no-untyped-call]
    if not on_network(database, [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]):
        with closing(sqlite3.connect(fresh)) as connection:
            # readers and a writer at once, and a faster commit; its shared memory does not work across hosts
            connection.execute("PRAGMA journal_mode=WAL")
    os.replace(fresh, database)


def on_network(path: Path, mounts: Iterable[tuple[str, str]]) -> bool:
    """Whether `path` lies on a network file system.  `mounts`: mount points and their file systems."""
    above = [(len(point), kind) for point, kind in mounts if path.is_relative_to(point)]
    return bool(above) and max(above)[1] in NETWORK_FILE_SYSTEMS


def _require_tables(database: Path) -> None:
    """MLflow would set its tables up in whatever it is given, and retry for minutes on what is no database."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        query = "SELECT count(*) FROM sqlite_master WHERE name IN ('experiments', 'runs', 'alembic_version')"
        found = connection.execute(query).fetchone()[0]
        views = connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
    if views:  # MLflow makes none, and one can be made to never end
        raise StoreError(f"{database} has a view, {views[0][0]!s:.60}, which MLflow never makes; it is not read")
    if found != 3:
        raise StoreError(
            f"{database} is no MLflow database; move it away, or choose another place with tracking.uri=URI"
        )
