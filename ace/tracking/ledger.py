"""The ledger of holdout looks: a file of canonical JSON lines beside the store, only ever appended to.

Written by `ace.holdout` before sealed data is touched, read by it and by the reader. A line is a look, or the opening
of one of its cells by a run. One that is neither makes the whole ledger unreadable, which is said and never skipped.
"""

import errno
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from ace.domain.canonical import canonical_json
from ace.domain.decode import decode
from ace.domain.parsing import MOST_BYTES, parse_json
from ace.domain.registration import FIRST, HoldoutLook, HoldoutOpening, LedgerEntry, chain_problem
from ace.domain.serial import encode
from ace.errors import EvidenceError, StoreError

LOCK_WAIT_S = 30.0
Entry = TypeVar("Entry", HoldoutLook, HoldoutOpening)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger in the file `path`; without a file nobody has looked yet."""

    path: Path

    def looks(self) -> tuple[HoldoutLook, ...]:
        """All looks, oldest first; raises as `entries` does."""
        return tuple(entry for entry in self.entries() if isinstance(entry, HoldoutLook))

    def entries(self) -> tuple[LedgerEntry, ...]:
        """All lines, oldest first.  Raises StoreError for a ledger that cannot be read or whose chain is broken."""
        try:
            lines = self._content().decode("utf-8").split("\n")  # and at nothing else that ends a line
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"the ledger {self.path} cannot be read: {error}") from error
        if lines.pop() != "":
            raise StoreError(f"the ledger {self.path} is broken: its last line is cut off; restore it from a backup")
        entries = tuple(self._entry(number, line) for number, line in enumerate(lines, start=1))
        if problem := chain_problem(entries):
            raise StoreError(f"the ledger {self.path} is broken: {problem}; restore it from a backup")
        return entries

    def _content(self) -> bytes:
        if not stat.S_ISREG(self.path.stat().st_mode):  # a pipe would be waited for without end
            raise StoreError(f"the ledger {self.path} is refused: it is no plain file")
        with self.path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise StoreError(f"the ledger {self.path} is refused: more than {MOST_BYTES} bytes are not read")
        return content

    def _entry(self, number: int, line: str) -> LedgerEntry:
        try:
            made = parse_json(line)
            opening = isinstance(made, dict) and "run_id" in made
            entry: LedgerEntry = decode(HoldoutOpening, made) if opening else decode(HoldoutLook, made)
        except EvidenceError as error:
            raise StoreError(f"line {number} of the ledger {self.path} is no look: {error}") from error
        if canonical_json(encode(entry)) != line:
            raise StoreError(f"line {number} of the ledger {self.path} was altered: it is not in canonical form")
        return entry

    def append(self, make: Callable[[int, str, Sequence[LedgerEntry]], Entry | None]) -> Entry | None:
        """Add the entry that `make` gives for (index, previous digest, entries so far); None adds nothing.

        Only one process decides at a time, so that a budget cannot be spent twice.  Raises StoreError.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock", timeout=LOCK_WAIT_S):
                entries = self.entries()
                entry = make(len(entries), entries[-1].digest if entries else FIRST, entries)
                if entry is not None:
                    self._add(canonical_json(encode(entry)) + "\n")
                return entry
        except Timeout as error:
            raise StoreError(f"the ledger {self.path} is held by another process; try again when it is done") from error
        except OSError as error:
            raise StoreError(f"the ledger {self.path} cannot be written: {error}") from error

    def _add(self, line: str) -> None:
        """A whole line or none: half of one, as a full disk leaves it, would make the ledger unreadable."""
        with self.path.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                content = line.encode()
                if file.write(content) != len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise


def ledger_of(root: Path) -> Ledger:
    """The ledger of the stores under `root` (tracking.root)."""
    return Ledger(root / "ledger.jsonl")
