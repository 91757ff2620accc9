"""A decision bundle as it was handed over: a folder or a .zip, read without trusting a byte of it.

Nothing is unpacked to disk, no link is followed, and what is not a plain file is named and not opened. First step of
`ace-verify`: whether the files are those that SHA256SUMS lists. What they say is looked at only then.
"""

import hashlib
import lzma
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ace.domain.parsing import MOST_VALUES, holds_too_many
from ace.errors import EvidenceError
from ace.report.carried import EVIDENCE, RECORDS, Problem, most_bytes
from ace.report.container import most_bytes_of, require_nothing_beside, unpacked
from ace.report.telling import PICTURES

SUMS = "SHA256SUMS"
DECISION = "decision.json"
REQUIRED = (
    DECISION, EVIDENCE, "envelope.json", "memo.md", "regime.csv", "gain.csv", "sessions.csv", "drift.csv", *PICTURES,
    "report.html", "transfer.json",
)  # fmt: skip
LISTED = re.compile(r"([0-9a-f]{64})  (.+)")
MOST_FILES = 100_000
MOST_BYTES = 2**31
"""Of all files together: 20 times what 1000 cells of ten sessions take. A zip can claim to hold anything."""
MOST_SUMS_BYTES = 2**24
"""Of SHA256SUMS: so many files, each in a line of 144 bytes."""
LACKING = "missing: every bundle has one"
NO_FILE = "a link or no plain file; a bundle has none, and it was not opened"
# whatever a damaged or encrypted archive makes zipfile raise
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError, KeyError,
    NotImplementedError, RuntimeError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a bundle: plain files by name, the sha256 of its SHA256SUMS, and what is not as that says."""

    files: Mapping[str, bytes]
    digest: str
    problems: tuple[Problem, ...]

    @property
    def can_be_judged(self) -> bool:
        """Whether all that the verdict rests on is there and is what was written."""
        return not any(name in (DECISION, EVIDENCE, SUMS) or name.startswith(RECORDS) for name, _ in self.problems)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file as it lies there, not read yet. `odd`: why it will not be, None for a plain file."""

    name: str
    size: int
    odd: str | None
    read: Callable[[], bytes]


def open_bundle(place: Path) -> Found:
    """Read a bundle whole and hold it against its SHA256SUMS.  Raises EvidenceError when it is none or unreadable."""
    try:
        if place.is_dir():
            return _found(place, _in_folder(place), MOST_BYTES)
        with place.open("rb") as file, zipfile.ZipFile(file) as archive:
            _require_archive(place, archive, file)
            return _found(place, _in_zip(archive), min(MOST_BYTES, most_bytes_of(file.seek(0, os.SEEK_END))))
    except EvidenceError:
        raise
    except UNREADABLE as error:
        raise EvidenceError(f"{place} cannot be read: {error}") from error


@dataclass(slots=True)
class _Room:
    """How many bytes of a bundle may still be read: of `most`, `left`. Asked of what a file says before it is read."""

    place: Path
    most: int
    left: int

    def read(self, entry: _Entry) -> bytes:
        """Raises EvidenceError for what is too much, by itself or with all before it."""
        self.take(entry)
        return entry.read()

    def take(self, entry: _Entry) -> None:
        """As `read`, of the size alone."""
        if entry.size > self.left:
            raise EvidenceError(f"{self.place} is no decision bundle: more than {self.most} bytes")
        most = MOST_SUMS_BYTES if entry.name == SUMS else most_bytes(entry.name)
        if entry.size > most:
            said = f"{entry.name} has {entry.size} bytes; more than {most} are not read"
            raise EvidenceError(f"{self.place} is no decision bundle: {said}")
        self.left -= entry.size


def never_read(place: Path) -> str | None:
    """Why a bundle that was written here, a folder, is too large to be read anywhere; None for one that is not.

    To be said by whoever wrote it: others would learn it when the store may be gone.
    """
    room = _Room(place, MOST_BYTES, MOST_BYTES)
    try:
        for number, entry in enumerate(_in_folder(place), start=1):
            if number > MOST_FILES:
                return f"more than {MOST_FILES} files"
            room.take(entry)
            if entry.size > MOST_VALUES and entry.name.endswith(".json") and holds_too_many(entry.read()):
                return f"{entry.name} holds more than {MOST_VALUES} values"
    except EvidenceError as error:
        return str(error)
    return None


def _found(place: Path, entries: Iterable[_Entry], most: int) -> Found:
    """What is listed is read, after SHA256SUMS itself; anything else is named, however large it says that it is.

    `most`: bytes of all together.
    """
    lying = list(islice(entries, MOST_FILES + 1))
    if len(lying) > MOST_FILES:
        raise EvidenceError(f"{place} is no decision bundle: more than {MOST_FILES} files")
    sums = next((entry for entry in lying if entry.name == SUMS and entry.odd is None), None)
    if sums is None:
        if all(entry.name != DECISION for entry in lying):
            raise EvidenceError(f"{place} is no decision bundle: it has no file {SUMS}")
        unlisted = (SUMS, "missing, or no plain file: nothing says what was written")
        return Found({SUMS: b""}, hashlib.sha256(b"").hexdigest(), (unlisted,))
    room = _Room(place, most, most)
    files = {SUMS: room.read(sums)}
    if files[SUMS].count(b"\n") > MOST_FILES:
        raise EvidenceError(f"{place} is no decision bundle: {SUMS} lists more than {MOST_FILES} files")
    listed, malformed = _listed(files[SUMS])
    odd: list[Problem] = []
    for entry in lying:
        if entry is sums:
            continue
        if entry.odd is not None or entry.name in files:
            odd.append((entry.name, entry.odd or "twice in the archive"))
        elif entry.name not in listed:
            odd.append((entry.name, f"not listed in {SUMS}"))
        else:
            files[entry.name] = room.read(entry)
    expected = {*listed, *REQUIRED} - {name for name, _ in odd}
    problems = [*malformed, *odd, *_differences(files, listed, expected)]
    return Found(files, hashlib.sha256(files[SUMS]).hexdigest(), tuple(problems))


def _in_folder(place: Path) -> Iterator[_Entry]:
    folders = [place]
    while folders:
        for entry in sorted(os.scandir(folders.pop()), key=lambda e: e.name):
            path = Path(entry.path)
            name = path.relative_to(place).as_posix()
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif entry.is_file(follow_symlinks=False):
                size = entry.stat(follow_symlinks=False).st_size
                yield _Entry(name, size, None, partial(_content, path, size))
            else:
                yield _Entry(name, 0, NO_FILE, partial(_content, path, 0))


def _content(path: Path, size: int) -> bytes:
    """What a file holds that was so large a moment ago."""
    with path.open("rb") as file:
        content = file.read(size + 1)
    if len(content) != size:
        raise EvidenceError(f"{path} changed while it was read")
    return content


def _require_archive(place: Path, archive: zipfile.ZipFile, file: BinaryIO) -> None:
    try:
        require_nothing_beside(archive, file)
    except EvidenceError as error:
        raise EvidenceError(f"{place} is no archive of a bundle: {error}") from error


def _in_zip(archive: zipfile.ZipFile) -> Iterator[_Entry]:
    plain = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    top = _top([entry.filename for entry in plain])
    for entry in plain:
        name, odd = entry.filename.removeprefix(top), None
        if not _stays_inside(entry.filename):
            name, odd = entry.filename, "a name that leads out of the bundle"
        elif stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            odd = NO_FILE
        yield _Entry(name, entry.file_size, odd, partial(unpacked, archive, entry))


def _top(names: list[str]) -> str:
    """`bundle/` where an archive holds one folder and everything in it."""
    tops = {name.partition("/")[0] + "/" for name in names}
    top = next(iter(tops), "")
    return top if len(tops) == 1 and f"{top}{SUMS}" in names else ""


def _stays_inside(name: str) -> bool:
    parts = name.split("/")
    return not any(part in ("", ".", "..") or "\\" in part or ":" in part or not part.isprintable() for part in parts)


def _listed(sums: bytes) -> tuple[dict[str, str], list[Problem]]:
    """Name -> sha256 as listed, and the lines that list nothing."""
    listed: dict[str, str] = {}
    problems: list[Problem] = []
    lines = sums.decode("utf-8", "surrogateescape").split("\n")
    if lines.pop() != "":
        problems.append((SUMS, "its last line is cut off"))
    for number, line in enumerate(lines, start=1):
        match = LISTED.fullmatch(line)
        if match is None or not _stays_inside(match[2]) or match[2] == SUMS:
            problems.append((SUMS, f"line {number} is not `sha256  file`: {line[:120]}"))
        elif match[2] in listed:
            problems.append((SUMS, f"line {number} lists {match[2]} a second time"))
        else:
            listed[match[2]] = match[1]
    return listed, problems


def _differences(files: Mapping[str, bytes], listed: Mapping[str, str], expected: Collection[str]) -> Iterator[Problem]:
    for name in sorted({*files, *expected} - {SUMS}):
        if name not in files:
            yield name, f"listed in {SUMS} and missing" if name in listed else LACKING
            continue
        sha256 = hashlib.sha256(files[name]).hexdigest()
        if sha256 != listed[name]:
            yield name, f"sha256 is {sha256[:16]}, {SUMS} says {listed[name][:16]}"
        elif name.startswith(RECORDS) and name != f"{RECORDS}{sha256}.json":
            yield name, f"sha256 is {sha256[:16]}; a record is named by its own"
