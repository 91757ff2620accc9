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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ace.errors import EvidenceError
from ace.report.carried import EVIDENCE, RECORDS, Problem
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
"""Of all files together: 40 times what 1000 cells of ten sessions take. A zip can claim to hold anything."""
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


def open_bundle(place: Path) -> Found:
    """Read a bundle whole and hold it against its SHA256SUMS.  Raises EvidenceError when it is none or unreadable."""
    try:
        files, odd = _from_folder(place) if place.is_dir() else _from_zip(place)
    except EvidenceError:
        raise
    except UNREADABLE as error:
        raise EvidenceError(f"{place} cannot be read: {error}") from error
    if SUMS not in files:
        raise EvidenceError(f"{place} is no decision bundle: it has no file {SUMS}")
    digest = hashlib.sha256(files[SUMS]).hexdigest()
    listed, malformed = _listed(files[SUMS])
    problems = [*malformed, *odd, *_differences(files, listed)]
    return Found(files, digest, tuple(problems))


def _from_folder(place: Path) -> tuple[dict[str, bytes], list[Problem]]:
    files: dict[str, bytes] = {}
    odd: list[Problem] = []
    folders, seen, left = [place], 0, MOST_BYTES
    while folders:
        for entry in sorted(os.scandir(folders.pop()), key=lambda e: e.name):
            name = Path(entry.path).relative_to(place).as_posix()
            if (seen := seen + 1) > MOST_FILES:
                raise EvidenceError(f"{place} is no decision bundle: more than {MOST_FILES} files")
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                odd.append((name, "a link or no plain file; a bundle has none, and it was not opened"))
            else:
                left -= _affordable(entry.stat(follow_symlinks=False).st_size, left, place)
                files[name] = Path(entry.path).read_bytes()
    return files, odd


def _from_zip(place: Path) -> tuple[dict[str, bytes], list[Problem]]:
    files: dict[str, bytes] = {}
    odd: list[Problem] = []
    left = MOST_BYTES
    with zipfile.ZipFile(place) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(entries) > MOST_FILES:
            raise EvidenceError(f"{place} is no decision bundle: more than {MOST_FILES} files")
        top = _top([entry.filename for entry in entries])
        for entry in entries:
            name = entry.filename.removeprefix(top)
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if not _stays_inside(entry.filename):
                odd.append((entry.filename, "a name that leads out of the bundle"))
            elif kind not in (0, stat.S_IFREG):
                odd.append((name, "a link or no plain file; a bundle has none, and it was not opened"))
            elif name in files:
                odd.append((name, "twice in the archive"))
            else:
                left -= _affordable(entry.file_size, left, place)  # zipfile reads no more than that
                files[name] = archive.read(entry)
    return files, odd


def _affordable(size: int, left: int, place: Path) -> int:
    if size > left:
        raise EvidenceError(f"{place} is no decision bundle: more than {MOST_BYTES} bytes")
    return size


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


def _differences(files: Mapping[str, bytes], listed: Mapping[str, str]) -> Iterator[Problem]:
    for name in sorted({*files, *listed, *REQUIRED} - {SUMS}):
        if name not in files:
            yield name, f"listed in {SUMS} and missing" if name in listed else "missing: every bundle has one"
            continue
        sha256 = hashlib.sha256(files[name]).hexdigest()
        if name not in listed:
            yield name, f"not listed in {SUMS}"
        elif sha256 != listed[name]:
            yield name, f"sha256 is {sha256[:16]}, {SUMS} says {listed[name][:16]}"
        elif name.startswith(RECORDS) and name != f"{RECORDS}{sha256}.json":
            yield name, f"sha256 is {sha256[:16]}; a record is named by its own"
