"""The evidence of the study beside its page: the bundle of each experiment as an archive a reader can verify.

After `study` has judged. All archives together stay small enough for a repository.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from ace.report.container import write_archive
from ace.report.reading import SUMS

MOST_BYTES = 5_000_000
"""Of all archives together."""


def keep(bundles: Path, output: Path, names: Sequence[str], there: Sequence[str]) -> list[Path]:
    """The archives of the experiments that are `there`; what lies in their place of any other of the study's `names` is
    of an earlier one and goes.  Exits where they are too large for a repository."""
    for name in names:
        if name not in there:
            archive_of(name, output).unlink(missing_ok=True)
    kept = []
    for name in there:
        pack(bundles / name, archive_of(name, output))
        kept.append(archive_of(name, output))
    sizes = {file.name: file.stat().st_size for file in kept}
    if sum(sizes.values()) > MOST_BYTES:
        told = ", ".join(f"{name} {size}" for name, size in sizes.items())
        sys.exit(f"the archives have {sum(sizes.values())} bytes ({told}); at most {MOST_BYTES} go into the repository")
    return kept


def archive_of(experiment: str, output: Path) -> Path:
    """Where the bundle of an experiment is kept."""
    return output / f"{experiment}.zip"


def pack(bundle: Path, file: Path) -> None:
    """The bundle as one archive, the same bytes for the same bundle."""
    names = [*(line.split("  ", 1)[1] for line in (bundle / SUMS).read_text().splitlines()), SUMS]
    write_archive({name: (bundle / name).read_bytes() for name in names}, file)


def digest_of(bundle: Path) -> str:
    """As `ace-decide` prints it."""
    return f"sha256:{hashlib.sha256((bundle / SUMS).read_bytes()).hexdigest()}"
