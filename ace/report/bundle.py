"""The decision bundle: a folder that can be mailed, archived and checked without the store it came from.

Last step of `ace-decide`. A bundle is whole or absent (`ace.report.placing`); the same decision and evidence give the
same bytes. `ace-verify` reads it back (`ace.report.reading`).
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from ace.domain.decision import Decision, decision_text
from ace.domain.stored import Evidence
from ace.report.carried import Stored, packed
from ace.report.figures import pictures
from ace.report.placing import placed
from ace.report.power_package import ENERGY, energy_text
from ace.report.reading import DECISION, SUMS
from ace.report.telling import told


def write_bundle(decision: Decision, evidence: Evidence, folder: Path, stored: Stored = lambda _: None) -> str:
    """Write the bundle as `folder`, in place of an earlier bundle; returns its digest, the sha256 of its SHA256SUMS.

    `evidence`: what the decision follows from (`ace.decide.evidence_of`); `stored`: its records as they lie in a store,
    where that is at hand: the same bytes, sooner. Raises StoreError when it cannot be written.
    """
    with placed(folder, "decision bundle", is_bundle) as partial:
        return _fill(partial, decision, evidence, stored)


def is_bundle(folder: Path) -> bool:
    """Whether a folder is an earlier bundle."""
    return (folder / SUMS).is_file()


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
