"""The decision bundle: a folder that can be mailed, archived and checked without the store it came from.

Last step of `ace-decide`. Everything is written beside the target and renamed into place, so that a bundle is whole or
absent; the same decision and records give the same bytes.
"""

import os
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from ace.domain.canonical import sha256_text
from ace.domain.decision import Decision, decision_text
from ace.domain.record import CellRecord, record_text
from ace.errors import StoreError
from ace.report.figures import heat_map
from ace.report.memo import memo
from ace.report.page import page
from ace.report.tables import regime_csv

SUMS = "SHA256SUMS"


def write_bundle(decision: Decision, records: Sequence[CellRecord], folder: Path) -> None:
    """Write the bundle as `folder`, in place of an earlier bundle.  Raises StoreError when it cannot be written."""
    if folder.exists() and not replaceable(folder):
        raise StoreError(f"{folder} exists and is not a decision bundle; name another folder or remove it.")
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        _fill(partial, decision, records)
        _put_in_place(partial, folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(f"the decision bundle cannot be written to {folder}: {error}") from error


def replaceable(folder: Path) -> bool:
    """Whether nothing is lost by putting a bundle here: an earlier bundle, or an empty folder."""
    return folder.is_dir() and ((folder / SUMS).is_file() or not any(folder.iterdir()))


def _fill(folder: Path, decision: Decision, records: Sequence[CellRecord]) -> None:
    picture = heat_map(decision.cells)
    files = {
        "decision.json": decision_text(decision).encode(),
        "memo.md": memo(decision).encode(),
        "regime.csv": regime_csv(decision.cells).encode(),
        "regime.png": picture,
        "report.html": page(decision, picture).encode(),
    }
    for record in records:
        text = record_text(record)
        files[f"records/{sha256_text(text)}.json"] = text.encode()
    (folder / "records").mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = [f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())]
    (folder / SUMS).write_text("".join(sums))


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename; an earlier bundle steps aside first, so that there is never half of each."""
    if not folder.exists():
        partial.rename(folder)
        return
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    folder.rename(aside)
    partial.rename(folder)
    shutil.rmtree(aside)
