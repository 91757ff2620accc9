"""The files of a run: written whole or not at all, and read back as bytes that nobody is trusted to have left alone.

Where the store keeps files on this machine they are written directly (under 1 ms, against 10 through MLflow). Otherwise
they go through MLflow's repository of the run's own address: its client would ask the server for the run before every
file, which made 23 requests of a cell that is read where these are 7.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from ace.domain.parsing import MOST_BYTES
from ace.errors import StoreError
from ace.tracking.places import is_within
from ace.tracking.store import Store, store_errors


def _place_of(run: Run) -> str:
    """The artifact URI of a run.  Raises StoreError for one that has none."""
    if not run.info.artifact_uri:
        raise StoreError(f"run {run.info.run_id} names no place where its files are")
    return str(run.info.artifact_uri)


def _repository(client: MlflowClient, uri: str) -> ArtifactRepository:
    return get_artifact_repository(uri, client.tracking_uri)


def write_artifact(store: Store, run_id: str, artifact_uri: str, name: str, text: str) -> None:
    """Store `text` under `name`.  Raises StoreError."""
    folder = store.places.folder(artifact_uri)
    with store_errors(f"cannot write {name} of run {run_id}"):
        if folder is None:
            with tempfile.TemporaryDirectory() as scratch:
                file = Path(scratch, name)
                file.write_text(text, encoding="utf-8", newline="")
                _repository(store.client, artifact_uri).log_artifact(str(file))  # type: ignore[no-untyped-call]
            return
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(folder, name, text)


def _write_whole(folder: Path, name: str, text: str) -> None:
    """Under another name, onto the disk, then renamed; what cannot be written whole leaves nothing behind."""
    temporary = folder / f".{name}.{os.getpid()}.part"
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("x", encoding="utf-8", newline="") as file:  # never through a link that lies there
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave the new name with nothing in it
        temporary.replace(folder / name)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """The new name itself onto the disk, where a system lets a folder be synchronised."""
    with contextlib.suppress(PermissionError, IsADirectoryError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class RunFiles:
    """The files of one run: listed once, each read when it is asked for. `location`: the experiment's artifact folder,
    which the run must not lead out of."""

    def __init__(self, store: Store, run: Run, location: str) -> None:
        self._store, self._run, self._location = store, run, location

    @cached_property
    def _uri(self) -> str:
        return _place_of(self._run)

    @cached_property
    def _folder(self) -> Path | None:
        return self._store.places.folder(self._uri)

    @cached_property
    def _home(self) -> Path | None:
        return self._store.places.folder(self._location)

    @cached_property
    def _remote(self) -> ArtifactRepository:
        return _repository(self._store.client, self._uri)

    @cached_property
    def _sizes(self) -> Mapping[str, int]:
        """In bytes; of files on this machine their size is asked for when they are read."""
        folder = self._folder
        with store_errors(f"cannot list the files in {self._uri}"):
            if folder is None:
                return {str(entry.path): entry.file_size or 0 for entry in self._remote.list_artifacts()}
            return dict.fromkeys(os.listdir(folder), 0) if folder.exists() else {}

    @property
    def names(self) -> Collection[str]:
        """What lies in the run's folder, nothing where there is no folder.  Raises StoreError."""
        return self._sizes.keys()

    def read(self, name: str) -> bytes:
        """The bytes under `name`.  Raises StoreError for a file that is missing, too large, unreadable or elsewhere."""
        folder = self._folder
        with store_errors(f"cannot read {name}"):
            if folder is not None:
                return _read_local(folder, self._home, name)
            if name not in self._sizes:
                raise StoreError(f"{name} is missing in {self._uri}")
            _require_size(name, self._sizes[name])
            with tempfile.TemporaryDirectory() as scratch:
                fetched = Path(self._remote.download_artifacts(name, scratch))  # type: ignore[no-untyped-call]
                _require_size(name, fetched.stat().st_size)  # whatever the server said of it
                return fetched.read_bytes()


def again(folder: Path | None, run_id: str, name: str) -> bytes | None:
    """What was read under `name` before, where MLflow keeps the files of an experiment's runs in this folder; None
    where it is not to be had there. Whoever asks compares its digest with the one that was read."""
    if folder is None:
        return None
    try:
        return _read_local(folder / run_id / "artifacts", folder, name)
    except (StoreError, OSError, ValueError):
        return None


def _read_local(folder: Path, location: Path | None, name: str) -> bytes:
    path = os.path.join(folder, name)
    try:
        kind = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{name} is missing at {path}; was it deleted, or the store moved?") from error
    real, home = os.path.realpath(path), os.path.realpath(folder)
    if location is None or not is_within(home, location) or real != os.path.join(home, name):
        raise StoreError(f"{name} is refused: {path} leads out of the store, to {real}")
    if not stat.S_ISREG(kind):  # a pipe would be waited for without end
        raise StoreError(f"{name} is refused: {path} is no plain file")
    with open(path, "rb") as file:
        _require_size(name, os.fstat(file.fileno()).st_size)
        return file.read()


def _require_size(name: str, size: int) -> None:
    if size > MOST_BYTES:
        raise StoreError(f"{name} has {size} bytes; more than {MOST_BYTES} are not read")
