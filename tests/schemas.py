"""One stored file for every version of every schema, so that later versions of ACE can be held against them.

`python -m tests.schemas` writes those of the present versions into tests/data/schemas; run it when a version is raised,
keep what is there, and say in `tests/unit/test_schemas.py` what is read of the older ones.
"""

import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from ace.decide import judge
from ace.decide.envelope import unsafe_envelope
from ace.decide.replay import evidence_of
from ace.domain.canonical import canonical_json
from ace.domain.decision import DECISION_SCHEMA_VERSION, Decision
from ace.domain.envelope import ENVELOPE_SCHEMA_VERSION, envelope_text
from ace.domain.record import SCHEMA_VERSION, record_text
from ace.domain.registration import REGISTRATION_SCHEMA_VERSION
from ace.domain.serial import encode
from ace.domain.stored import Evidence
from ace.report.bundle import write_bundle
from tests import builders as b
from tests.unit.decide import registered as r

FOLDER = Path(__file__).parent / "data" / "schemas"
PRESENT = {
    "record": SCHEMA_VERSION,
    "bundle": DECISION_SCHEMA_VERSION,
    "envelope": ENVELOPE_SCHEMA_VERSION,
    "registration": REGISTRATION_SCHEMA_VERSION,
}


def judged_small() -> tuple[Decision, Evidence]:
    """A decision that follows from one small record."""
    evidence = b.evidence(b.stored(b.record(0.1, sessions=2, of=b.plan(sessions=2, rounds=2))))
    [decision] = judge(evidence, b.near_term())
    return decision, evidence_of(decision.claim, evidence)


def write(folder: Path) -> None:
    """Files of the present versions; one that is there already is what some version wrote, and stays."""
    decision, evidence = judged_small()
    texts = {
        "record": record_text(b.record(0.1, sessions=1, of=b.plan(sessions=1, rounds=2))),
        "envelope": envelope_text(unsafe_envelope(decision)),
        "registration": canonical_json(encode(r.frozen_of(b.evidence(*r.explored((64, 1)))))),
    }
    for kind, text in texts.items():
        _keep(folder / f"{kind}-{PRESENT[kind]}.json", text.encode())
    with TemporaryDirectory() as scratch:
        bundle = Path(scratch) / "bundle"
        write_bundle(decision, evidence, bundle)
        _zip(bundle, folder / f"bundle-{PRESENT['bundle']}.zip")


def _keep(file: Path, content: bytes) -> None:
    if file.exists():
        print(f"{file.name} is there and stays; remove it only if no release has written one", file=sys.stderr)
    else:
        file.write_bytes(content)


def _zip(bundle: Path, file: Path) -> None:
    if file.exists():
        return _keep(file, b"")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(bundle).as_posix())
    return None


if __name__ == "__main__":
    write(FOLDER)
