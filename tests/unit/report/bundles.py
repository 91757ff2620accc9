"""Bundles for tests: written from builders, altered on purpose, and vouched for again by whoever altered them."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

from ace.decide import judge
from ace.decide.replay import evidence_of
from ace.domain.canonical import canonical_json
from ace.domain.stored import Evidence
from ace.report.bundle import write_bundle
from tests import builders as b

GAIN = 0.122


def honest_evidence() -> Evidence:
    """A claim of two cells and, in the same store, another claim."""
    plans = [b.plan(split=split) for split in ("development", "validation")]
    other = b.plan(seq_len=128, parameters=(("keep_ratio", 0.5),))
    cells = [b.stored(b.honest(GAIN, plan), started_at=2.0) for plan in plans]
    return b.evidence(*cells, b.stored(b.record(of=other), started_at=1.0))


def written(folder: Path, evidence: Evidence | None = None) -> str:
    """The bundle of the newest claim at `folder`; its digest."""
    evidence = evidence or honest_evidence()
    decision = judge(evidence, b.near_term())[0]
    return write_bundle(decision, evidence_of(decision.claim, evidence), folder)


def copied(bundle: Path, to: Path) -> Path:
    return Path(shutil.copytree(bundle, to))


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def vouched(folder: Path) -> None:
    """Rewrite SHA256SUMS so that it agrees with whatever lies there now."""
    found = {name: content for name, content in files(folder).items() if name != "SHA256SUMS"}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(found.items()))
    (folder / "SHA256SUMS").write_text(sums)


def edited(folder: Path, name: str, change) -> None:
    """Change the JSON of one file, keep it canonical, and vouch for it again."""
    value = json.loads((folder / name).read_text())
    change(value)
    (folder / name).write_text(canonical_json(value))
    vouched(folder)


def zipped(folder: Path, to: Path, top: str = "") -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for name, content in files(folder).items():
            archive.writestr(top + name, content)
    return to
