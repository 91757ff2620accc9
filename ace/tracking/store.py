"""The store as everything else here asks it: experiments, and runs in pages; opened to write, or to read alone.

An SQLite file beside its artifacts (`sqlite_file` makes and checks it), a tracking server, or a bare database. Whoever
only wants to read never makes one by accident.
"""

import logging
import socket
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType
from mlflow.exceptions import MlflowException
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from ace.errors import StoreError
from ace.tracking.places import PORTS, Places
from ace.tracking.sqlite_file import made_once, require_tables

REACH_WAIT_S = 5.0
PAGE = 1000

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
        with made_once(database, artifacts):
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
        require_tables(database)
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
