"""The decision bundle: a folder that can be mailed, archived and checked without the store it came from.

Last step of `ace-decide`. Everything is written beside the target and renamed into place, so that a bundle is whole or
absent; the same decision and evidence give the same bytes. `ace-verify` reads it back (`ace.report.reading`).
"""

import os
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from ace.domain.decision import Decision, decision_text
from ace.domain.stored import Evidence
from ace.errors import StoreError
from ace.report.carried import Stored, packed
from ace.report.figures import pictures
from ace.report.power_package import ENERGY, energy_text
from ace.report.reading import DECISION, SUMS
from ace.report.telling import told


def write_bundle(decision: Decision, evidence: Evidence, folder: Path, stored: Stored = lambda _: None) -> str:
    """Write the bundle as `folder`, in place of an earlier bundle; returns its digest, the sha256 of its SHA256SUMS.

    `evidence`: what the decision follows from (`ace.decide.evidence_of`); `stored`: its records as they lie in a store,
    where that is at hand: the same bytes, sooner. Raises StoreError when it cannot be written.
    """
    folder = folder.resolve()  # a link to the place is the user's; it stays, and what it leads to is replaced
    if folder.exists() and not replaceable(folder):
        raise StoreError(f"{folder} exists and is not a decision bundle; name another folder or remove it.")
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        digest = _fill(partial, decision, evidence, stored)
        _put_in_place(partial, folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(f"the decision bundle cannot be written to {folder}: {error}") from error
    return digest


def replaceable(folder: Path) -> bool:
    """Whether nothing is lost by putting a bundle here: an earlier bundle, or an empty folder."""
    return folder.is_dir() and ((folder / SUMS).is_file() or not any(folder.iterdir()))


def _fill(folder: Path, decision: Decision, evidence: Evidence, stored: Stored) -> str:
    (folder / "records").mkdir()
    digests = {}
    for name, content in _files(decision, evidence, stored):
        (folder / name).write_bytes(content)
        digests[name] = sha256(content).hexdigest()
    sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()
    (folder / SUMS).write_bytes(sums)
    return sha256(sums).hexdigest()


def _files(decision: Decision, evidence: Evidence, stored: Stored) -> Iterator[tuple[str, bytes]]:
    """Name and content, one after the other: no two of the large ones are in memory at once."""
    drawn = pictures(decision)
    yield from drawn.items()
    yield from told(decision, drawn)
    yield from packed(decision.claim, evidence, stored)
    yield ENERGY, energy_text(decision, evidence).encode()
    yield DECISION, decision_text(decision).encode()


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename; an earlier bundle steps aside first, so that there is never half of each."""
    if not folder.exists():
        partial.rename(folder)
        return
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    folder.rename(aside)
    partial.rename(folder)
    shutil.rmtree(aside)
