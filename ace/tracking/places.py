"""Where a store may keep files: below its own folders, or behind the server at which it was opened.

Between `store`, which is asked where an experiment keeps its files, and `artifacts`, which reads and writes them. The
answer is the store's word, and whoever wrote the store could name any folder of this machine, or a host that would be
handed the password of the tracking server.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from ace.errors import StoreError

PROXIED = "mlflow-artifacts"
BUCKETS = frozenset({"s3", "gs", "wasbs", "abfss", "dbfs", "hdfs"})
"""Read with credentials of their own, which are not those of the tracking server."""
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}
"""Of what a store may be opened at, beside an SQLite file."""


@dataclass(frozen=True, slots=True)
class Places:
    """`folders`: below which files may lie on this machine. `server`: address of the tracking server, None for a
    database. `alone`: whether it is a file of this machine, which keeps nothing anywhere else."""

    folders: tuple[Path, ...]
    server: str | None = None
    alone: bool = True

    def folder(self, uri: str) -> Path | None:
        """The folder that an artifact URI names on this machine, None where it lies elsewhere.

        Raises StoreError for what is no place of this store.
        """
        parts = _split(uri)
        found = _local(parts, uri)
        if found is None:
            self._require_elsewhere(parts, uri)
        elif not any(is_within(os.path.realpath(found), folder) for folder in self.folders):
            folders = ", ".join(map(str, self.folders))
            raise StoreError(
                f"files at {uri} are refused: the store keeps its own below {folders}; judge it where it is, or name "
                "the folder that holds them with tracking.root=DIR"
            )
        return found

    def _require_elsewhere(self, parts: SplitResult, uri: str) -> None:
        if self.alone:
            raise StoreError(f"files at {uri} are refused: a store in a file of this machine keeps its own beside it")
        if parts.scheme in BUCKETS or (parts.scheme == PROXIED and not parts.netloc):
            return
        if self.server is None or _address(parts, self.server) != _address(urlsplit(self.server), self.server):
            raise StoreError(f"files at {uri} are refused: not the tracking server, and no other gets its password")


def is_within(real: str, folder: Path) -> bool:
    """Whether a path that was followed through every link lies in a folder, or is it."""
    return f"{real}{os.sep}".startswith(f"{_real(folder).rstrip(os.sep)}{os.sep}")


@lru_cache(maxsize=64)
def _real(folder: Path) -> str:
    """Of the few folders that are asked for with every run."""
    return os.path.realpath(folder)


def _split(uri: str) -> SplitResult:
    try:
        return urlsplit(uri)
    except ValueError as error:
        raise StoreError(f"artifacts at {uri!r}, which is no URI: {error}") from error


def _local(parts: SplitResult, uri: str) -> Path | None:
    path = unquote(parts.path) if parts.scheme == "file" else uri
    if "\0" in path:
        raise StoreError(f"artifacts at {uri!r}, which is no path")
    return Path(path) if path.startswith("/") else None


def _address(parts: SplitResult, server: str) -> tuple[str | None, int | None]:
    """Host and port; what is proxied goes by the server's own scheme."""
    try:
        return parts.hostname, parts.port or PORTS.get(urlsplit(server).scheme)
    except ValueError as error:
        raise StoreError(f"artifacts at an address that is none: {error}") from error
