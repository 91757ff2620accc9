"""Bundles that somebody made up: each is a difference or one clear line, whatever lies in it."""

import json
import zipfile

import pytest

from ace.cli import verify
from ace.errors import EvidenceError
from ace.report.carried import EVIDENCE, unpacked
from ace.report.reading import open_bundle
from tests.unit.report.bundles import edited, files, vouched, zipped


@pytest.fixture
def run(capsys):
    """Exit code, lines and what went to stderr."""

    def run(place):
        with pytest.raises(SystemExit) as ended:
            verify.main([str(place)])
        out, err = capsys.readouterr()
        return ended.value.code, out.splitlines(), err

    return run


@pytest.mark.parametrize("change", [lambda d, k: d.pop(k), lambda d, k: d.update({k: [[{"a": 1}]]})])
def test_a_decision_that_lacks_or_misuses_any_of_its_keys_is_never_verified_and_never_a_crash(run, bundle, change):
    before = (bundle / "decision.json").read_text()
    for key in json.loads(before):
        (bundle / "decision.json").write_text(before)
        edited(bundle, "decision.json", lambda made, key=key: change(made, key))
        code, lines, err = run(bundle)
        assert code == (2 if key in ("schema_version", "policy") else 1)
        assert bool(lines) != bool(err)
        assert err.count("\n") == (code == 2)


@pytest.mark.parametrize("schema", [1, 99, "2", None, True, [2]])
def test_any_other_schema_of_the_decision_is_another_version(run, bundle, schema):
    edited(bundle, "decision.json", lambda made: made.update(schema_version=schema))
    code, lines, err = run(bundle)
    assert (code, lines) == (2, [])
    assert "another version of ACE" in err


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["evidence"].pop("looks"),
        lambda d: d["evidence"].pop("registrations"),
        lambda d: d["evidence"].pop("ledger_problem"),
        lambda d: d["evidence"]["cells"][0].pop("baseline_problem"),
        lambda d: d.update(more=1),
    ],
)
def test_a_field_of_the_evidence_that_was_left_out_or_added_is_a_difference(run, bundle, change):
    edited(bundle, EVIDENCE, change)
    code, lines, _ = run(bundle)
    assert code == 1
    assert "  evidence.json: not every field that ACE writes, or more than those; ACE did not write it" in lines


def test_a_record_of_numbers_that_nothing_can_have_measured_is_a_difference(bundle):
    name = min(name for name in files(bundle) if name.startswith("records/"))
    edited(bundle, name, lambda made: made.update(first_prepare_s=-1.0))
    said = [what for file, what in unpacked(files(bundle)).problems if file == name]
    assert said == ["cannot be believed: first_prepare_s is -1: nothing can have measured that"]


def test_what_no_list_names_is_not_read_however_large_it_says_that_it_is(bundle, tmp_path, monkeypatch):
    place = zipped(bundle, tmp_path / "bundle.zip")
    with zipfile.ZipFile(place, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", b"\0" * 2**24)
    opened = []
    read = zipfile.ZipFile.open
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda self, entry: opened.append(entry.filename) or read(self, entry))
    found = open_bundle(place)
    assert ("bomb", "not listed in SHA256SUMS") in found.problems
    assert "bomb" not in opened
    assert "memo.md" in opened


def test_a_folder_that_is_no_bundle_is_refused_before_a_file_of_it_is_read(tmp_path, monkeypatch):
    (tmp_path / "large").write_bytes(b"\0" * 2**20)
    monkeypatch.setattr("pathlib.Path.open", lambda *_: pytest.fail("read"))
    with pytest.raises(EvidenceError, match="is no decision bundle: it has no file SHA256SUMS"):
        open_bundle(tmp_path)


@pytest.mark.parametrize(("top", "code"), [("bundle/", 0), ("a/bundle/", 2)])
def test_a_zip_of_one_folder_is_a_bundle_and_one_of_a_folder_in_a_folder_is_none(run, bundle, tmp_path, top, code):
    assert run(zipped(bundle, tmp_path / "bundle.zip", top))[0] == code


@pytest.mark.parametrize("kind", ["cut", "empty", "without its directory", "lying", "encrypted"])
def test_a_damaged_archive_is_one_line(run, bundle, tmp_path, kind):
    place = zipped(bundle, tmp_path / "bundle.zip")
    data = bytearray(place.read_bytes())
    last = data.rfind(b"PK\x01\x02")  # the last entry of the central directory
    if kind == "cut":
        data = data[: len(data) // 2]
    elif kind == "empty":
        data = bytearray()
    elif kind == "lying":
        data[last + 24 : last + 28] = (5).to_bytes(4, "little")  # its size
    elif kind == "encrypted":
        data[last + 8] |= 1
    elif kind == "without its directory":
        data = data[:last]
    place.write_bytes(data)
    code, lines, err = run(place)
    assert (code, lines) == (2, [])
    assert err.count("\n") == 1


def test_bytes_that_are_no_text_are_differences(run, bundle):
    for name in ("memo.md", "regime.csv", "report.html"):
        (bundle / name).write_bytes(b"\xff\xfe\0")
    vouched(bundle)
    code, lines, err = run(bundle)
    assert (code, err) == (1, "")
    assert {line.split(":")[0].strip() for line in lines if ": line 1 reads" in line} == {
        "memo.md",
        "regime.csv",
        "report.html",
    }
