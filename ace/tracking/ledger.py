"""The ledger of holdout looks: a file of canonical JSON lines beside the store, only ever appended to.

Written by `ace.holdout` before sealed data is touched, read by it and by the reader. A line that is no look makes the
whole ledger unreadable, which is said and never skipped.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ace.domain.canonical import canonical_json
from ace.domain.registration import FIRST, HoldoutLook, chain_problem
from ace.domain.serial import decode, encode
from ace.errors import EvidenceError, StoreError

LOCK_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger in the file `path`; without a file nobody has looked yet."""

    path: Path

    def looks(self) -> tuple[HoldoutLook, ...]:
        """All looks, oldest first.  Raises StoreError for a ledger that cannot be read or whose chain is broken."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"the ledger {self.path} cannot be read: {error}") from error
        looks = tuple(self._look(number, line) for number, line in enumerate(lines, start=1))
        if problem := chain_problem(looks):
            raise StoreError(f"the ledger {self.path} is broken: {problem}; restore it from a backup")
        return looks

    def _look(self, number: int, line: str) -> HoldoutLook:
        try:
            look = decode(HoldoutLook, json.loads(line))
        except (ValueError, EvidenceError) as error:
            raise StoreError(f"line {number} of the ledger {self.path} is no look: {error}") from error
        if canonical_json(encode(look)) != line:
            raise StoreError(f"line {number} of the ledger {self.path} was altered: it is not in canonical form")
        return look

    def append(self, make: Callable[[int, str, Sequence[HoldoutLook]], HoldoutLook | None]) -> HoldoutLook | None:
        """Add the look that `make` gives for (index, previous digest, looks so far); None adds nothing.

        Only one process decides at a time, so that a budget cannot be spent twice.  Raises StoreError.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock", timeout=LOCK_WAIT_S):
                looks = self.looks()
                look = make(len(looks), looks[-1].digest if looks else FIRST, looks)
                if look is not None:
                    with self.path.open("a", encoding="utf-8") as file:
                        file.write(canonical_json(encode(look)) + "\n")
                        file.flush()
                        os.fsync(file.fileno())
                return look
        except Timeout as error:
            raise StoreError(f"the ledger {self.path} is held by another process; try again when it is done") from error
        except OSError as error:
            raise StoreError(f"the ledger {self.path} cannot be written: {error}") from error


def ledger_of(root: Path) -> Ledger:
    """The ledger of the stores under `root` (tracking.root)."""
    return Ledger(root / "ledger.jsonl")
