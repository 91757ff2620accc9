"""What earlier versions wrote, held against this one: a file of the present version is read, byte for byte; an older
one is said to be of another version and is never half believed.

A change of what is written without a new version fails here. `tests/schemas.py` writes the files.
"""

from dataclasses import replace

import pytest

from ace.cli.verifying import verify
from ace.domain.canonical import canonical_json
from ace.domain.decode import decode
from ace.domain.envelope import envelope_text, read_envelope
from ace.domain.parsing import parse_json
from ace.domain.record import CellRecord
from ace.domain.registration import Registration
from ace.domain.serial import encode
from ace.errors import EvidenceError
from ace.report.bundle import write_bundle
from ace.report.carried import unpacked
from ace.report.reading import open_bundle
from tests.schemas import FOLDER, PRESENT, judged_small

FILES = sorted(file for file in FOLDER.iterdir())
OLDER = [file for file in FILES if int(file.stem.rpartition("-")[2]) != PRESENT[file.stem.rpartition("-")[0]]]
CANONICAL = {"record": CellRecord, "registration": Registration}


def present(kind):
    return FOLDER / f"{kind}-{PRESENT[kind]}.{'zip' if kind == 'bundle' else 'json'}"


def older(kind):
    return [pytest.param(file, id=file.name) for file in OLDER if file.name.startswith(kind)]


def test_every_version_that_was_ever_written_has_its_file():
    wanted = {f"{kind}-{version}" for kind, latest in PRESENT.items() for version in range(1, latest + 1)}
    assert {file.stem for file in FILES} == wanted


@pytest.mark.parametrize("kind", CANONICAL)
def test_a_record_of_the_present_version_is_read_and_would_be_written_the_same(kind):
    content = present(kind).read_bytes()
    made = parse_json(content)
    assert made["schema_version"] == PRESENT[kind]
    assert canonical_json(encode(decode(CANONICAL[kind], made))).encode() == content, (
        f"a {kind} is not written as in {present(kind).name}: raise its version, then python -m tests.schemas"
    )


@pytest.mark.parametrize("file", [*older("record"), *older("registration")])
def test_a_record_of_an_older_version_names_its_version_and_is_no_present_one(file):
    made = parse_json(file.read_bytes())
    kind, _, version = file.stem.rpartition("-")
    assert made["schema_version"] == int(version)
    with pytest.raises(EvidenceError):  # and readers refuse the number before they look at anything else
        decode(CANONICAL[kind], made)


def test_an_envelope_of_the_present_version_is_relied_on_and_would_be_written_the_same():
    text = present("envelope").read_text()
    assert read_envelope(text).problem is None
    assert envelope_text(read_envelope(text)) == text


def test_a_bundle_of_the_present_version_brings_its_evidence():
    found = open_bundle(present("bundle"))
    assert found.problems == ()
    carried = unpacked(found.files)
    assert carried.problems == ()
    assert [len(cell.record.sessions) for cell in carried.evidence.cells] == [2]


@pytest.mark.parametrize(("shift_s", "verifies"), [(None, True), (0.0, True), (-3600.0, False)])
def test_a_bundle_from_before_envelopes_named_their_beginning_verifies_and_one_that_names_another_does_not(
    tmp_path, shift_s, verifies
):
    decision, evidence = judged_small()
    began = None if shift_s is None else decision.envelope.measured_at + shift_s
    write_bundle(replace(decision, envelope=replace(decision.envelope, measured_at=began)), evidence, tmp_path / "made")
    assert (verify(tmp_path / "made", None, 0.0).problems == ()) == verifies


@pytest.mark.parametrize("file", older("bundle"))
def test_a_bundle_of_an_older_version_is_of_another_version_and_not_a_forgery(file):
    with pytest.raises(EvidenceError) as refused:
        verify(file, None, 0.0)
    assert f"(decision schema {file.stem.rpartition('-')[2]}; this one reads {PRESENT['bundle']})" in str(refused.value)
