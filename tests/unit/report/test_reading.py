import json
import os
import stat
import tracemalloc
import zipfile
from dataclasses import fields, replace

import pytest

from ace.decide import judge
from ace.decide.replay import evidence_of
from ace.domain import parsing
from ace.domain.plan import Shape
from ace.domain.registration import FIRST, HoldoutLook, HoldoutOpening, UnlistedLook
from ace.domain.stored import Evidence, StoredRegistration, StoredSweep
from ace.errors import EvidenceError
from ace.report import reading
from ace.report.carried import EVIDENCE, json_object, packed, unpacked
from ace.report.differing import differing
from ace.report.reading import never_read, open_bundle
from ace.report.telling import misquoted, stated
from tests import builders as b
from tests.unit.report.bundles import edited, files, honest_evidence, vouched, zipped


def named(place):
    return {name for name, _ in open_bundle(place).problems}


def record_of(bundle):
    return min(name for name in files(bundle) if name.startswith("records/"))


def test_a_bundle_is_the_same_as_a_folder_as_a_zip_and_as_a_zip_of_its_folder(bundle, tmp_path):
    folder = open_bundle(bundle)
    for top in ("", "bundle/"):
        archive = open_bundle(zipped(bundle, tmp_path / "bundle.zip", top))
        assert (archive.files, archive.digest, archive.problems) == (folder.files, folder.digest, ())


@pytest.mark.parametrize("name", reading.REQUIRED)
def test_a_file_that_is_gone_is_named_whether_or_not_the_sums_were_rewritten(bundle, name):
    (bundle / name).unlink()
    assert named(bundle) == {name}
    vouched(bundle)
    assert named(bundle) == {name}


def test_a_file_that_nobody_listed_is_named_wherever_it_lies(bundle):
    (bundle / "notes.txt").write_text("trust me")
    (bundle / "records" / "deep").mkdir()
    (bundle / "records" / "deep" / "extra.json").write_text("{}")
    assert named(bundle) == {"notes.txt", "records/deep/extra.json"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-1], "cut off"),
        (lambda text: text.replace("  memo.md", " *memo.md"), "is not `sha256  file`"),
        (lambda text: text.upper(), "is not `sha256  file`"),
        (lambda text: text + text.splitlines()[0] + "\n", "a second time"),
        (lambda text: text + "0" * 64 + "  ../memo.md\n", "is not `sha256  file`"),
        (lambda text: text + "0" * 64 + "  /etc/passwd\n", "is not `sha256  file`"),
        (lambda text: text + "0" * 64 + "  SHA256SUMS\n", "is not `sha256  file`"),
        (lambda text: text.replace("\n", "\r\n"), "is not `sha256  file`"),
    ],
)
def test_sums_that_are_not_as_ace_writes_them_are_named_and_nothing_is_judged(bundle, change, said):
    (bundle / "SHA256SUMS").write_bytes(change((bundle / "SHA256SUMS").read_text()).encode())
    found = open_bundle(bundle)
    assert any(name == "SHA256SUMS" and said in what for name, what in found.problems)
    assert not found.can_be_judged


def test_a_record_under_a_name_that_is_not_its_digest_is_named_although_the_sums_agree(bundle):
    name = record_of(bundle)
    (bundle / name).write_text((bundle / name).read_text().replace('"dirty":false', '"dirty":true'))
    vouched(bundle)
    [(found, said)] = open_bundle(bundle).problems
    assert found == name
    assert "named by its own" in said


def test_a_link_is_named_and_never_followed(bundle, tmp_path):
    (tmp_path / "memo.md").write_bytes((bundle / "memo.md").read_bytes())
    (bundle / "memo.md").unlink()
    (bundle / "memo.md").symlink_to(tmp_path / "memo.md")
    (bundle / "records" / "more").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(bundle / "pipe")
    found = open_bundle(bundle)
    assert {name for name, said in found.problems if "link or no plain file" in said} == {
        "memo.md",
        "records/more",
        "pipe",
    }
    assert "memo.md" not in found.files


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "records/../../evil.txt", "C:\\evil.txt", "a//b"])
def test_a_name_in_a_zip_that_leads_elsewhere_is_named_and_nothing_is_written(bundle, tmp_path, name):
    place = zipped(bundle, tmp_path / "bundle.zip")
    before = sorted(tmp_path.rglob("*"))
    with zipfile.ZipFile(place, "a") as archive:
        archive.writestr(name, "evil")
    assert any("leads out of the bundle" in said for _, said in open_bundle(place).problems)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_in_a_zip_is_named_and_not_read(bundle, tmp_path):
    place = zipped(bundle, tmp_path / "bundle.zip")
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(place, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert named(place) == {"link"}


def test_a_zip_that_holds_a_file_twice_says_so(bundle, tmp_path):
    place = zipped(bundle, tmp_path / "bundle.zip")
    with zipfile.ZipFile(place, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("memo.md", "# ACCEPTED")
    assert ("memo.md", "twice in the archive") in open_bundle(place).problems


@pytest.mark.parametrize(("limit", "said"), [("MOST_BYTES", "more than 3 bytes"), ("MOST_FILES", "more than 3 files")])
def test_what_is_too_large_to_be_a_bundle_is_refused_before_it_is_read(bundle, tmp_path, monkeypatch, limit, said):
    monkeypatch.setattr(reading, limit, 3)
    for place in (bundle, zipped(bundle, tmp_path / "bundle.zip")):
        with pytest.raises(EvidenceError, match=f"is no decision bundle: {said}"):
            open_bundle(place)
    assert said in never_read(bundle)


def test_a_map_with_more_values_than_are_read_is_known_to_whoever_wrote_it(bundle, monkeypatch):
    assert never_read(bundle) is None
    monkeypatch.setattr(parsing, "MOST_VALUES", 100)
    monkeypatch.setattr(reading, "MOST_VALUES", 100)
    assert never_read(bundle) in {f"{name} holds more than 100 values" for name in files(bundle)}
    with pytest.raises(EvidenceError, match="more than 100 values; no more are read"):
        json_object(open_bundle(bundle).files, "decision.json")


@pytest.mark.parametrize(("name", "most"), [("SHA256SUMS", 2**24), ("memo.md", 2**28), ("a record", 2**26)])
def test_a_file_that_is_larger_than_any_of_its_kind_is_refused_before_it_is_read(bundle, name, most):
    name = record_of(bundle) if name == "a record" else name
    with (bundle / name).open("r+b") as file:
        file.truncate(most + 1)  # of which no byte is on the disk
    tracemalloc.start()
    try:
        with pytest.raises(EvidenceError, match=f"{name} has {most + 1} bytes; more than {most} are not read"):
            open_bundle(bundle)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_sums_that_list_more_files_than_a_bundle_can_have_are_refused(bundle):
    (bundle / "SHA256SUMS").write_bytes(b"\n" * 100_001)
    with pytest.raises(EvidenceError, match="SHA256SUMS lists more than 100000 files"):
        open_bundle(bundle)


def test_a_file_that_grows_while_it_is_read_is_refused(bundle, monkeypatch):
    entries = list(reading._in_folder(bundle))
    memo = next(entry for entry in entries if entry.name == "memo.md")
    with (bundle / "memo.md").open("ab") as file:
        file.write(b"more")
    with pytest.raises(EvidenceError, match=r"memo\.md changed while it was read"):
        memo.read()


def test_a_decision_of_ten_thousand_cells_is_read_and_a_record_of_its_size_is_not():
    content = b'{"findings":"' + b"-" * 2**26 + b'"}'
    assert json_object({"decision.json": content}, "decision.json")[1] == []
    with pytest.raises(EvidenceError, match="more than 67108864 are not read"):
        json_object({"records/x.json": content}, "records/x.json")


def test_whatever_evidence_has_is_carried_without_being_listed():
    look = HoldoutLook(0, FIRST, "registration", "token_pruning", "idea", "benchmark", 5.0)
    kept = Evidence(
        "token_pruning",
        (b.stored(b.record()), b.stored(b.record(seed=1), record=None, problem="lost")),
        (StoredSweep("run", "grid", "KILLED", 1.0, ("batch=1",), ("batch=0",)),),
        (StoredRegistration("run", None, "altered"),),
        (look,),
        "look 1 is missing",
        (HoldoutOpening(1, look.digest, look.digest, Shape(64, 1, 384, 6), 7, "run", 6.0),),
        (UnlistedLook("look", "registration", "another", "run", None, None),),
        (b.plan(),),
    )
    assert all(getattr(kept, field.name) for field in fields(Evidence)), "a new field: fill it here"
    carried = unpacked(dict(packed("claim", kept)))
    assert (carried.claim, carried.evidence, carried.problems) == ("claim", kept, ())


def test_the_record_of_one_run_is_not_given_to_another_that_lost_the_same():
    made = b.record()
    lost = b.stored(made, run_id="copy", record=None, problem="the record belongs to another run")
    kept = b.evidence(b.stored(made), lost)
    assert unpacked(dict(packed("claim", kept))).evidence == kept


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["evidence"]["cells"][0].update(record="0" * 64), "which is not in the bundle"),
        (lambda d: d["evidence"]["cells"][0].update(record=None), "no attempt in evidence.json has this record"),
        (lambda d: d["evidence"]["cells"][0].update(record_digest="0" * 64), "but its record_digest is 000"),
    ],
)
def test_an_attempt_and_its_record_must_name_each_other(bundle, change, said):
    edited(bundle, EVIDENCE, change)
    assert any(said in what for _, what in unpacked(files(bundle)).problems)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["evidence"].update(novelty=1), "unknown field 'novelty' in Evidence"),
        (lambda d: d["evidence"].pop("sweeps"), "lacks the field 'sweeps'"),
        (lambda d: d["evidence"]["cells"][0].update(started_at="now"), r"cells\[0\].started_at: expected float"),
        (lambda d: d["evidence"]["cells"][0].pop("record"), "lists no attempts"),
        (lambda d: d["evidence"]["cells"].append(7), "lists no attempts"),
        (lambda d: d.update(evidence=None), "lists no attempts"),
    ],
)
def test_evidence_that_cannot_be_read_is_refused_at_its_place(bundle, change, said):
    edited(bundle, EVIDENCE, change)
    with pytest.raises(EvidenceError, match=said):
        unpacked(files(bundle))


def test_a_record_of_another_schema_is_refused_as_one_of_another_version():
    kept = b.evidence(b.stored(replace(b.record(), schema_version=99)))
    with pytest.raises(EvidenceError, match=r"another version of ACE \(record schema 99"):
        unpacked(dict(packed("claim", kept)))


def test_json_that_is_not_canonical_is_named(bundle):
    (bundle / EVIDENCE).write_text(json.dumps(json.loads((bundle / EVIDENCE).read_text())))
    vouched(bundle)
    assert unpacked(files(bundle)).problems == ((EVIDENCE, "not in canonical form; ACE did not write it"),)


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff", '{"a":NaN}', "[" * 100_000])
def test_what_is_no_json_object_is_an_error_and_not_a_crash(text):
    with pytest.raises(EvidenceError, match="JSON"):
        unpacked({EVIDENCE: text.encode("latin-1")})


def test_a_decision_is_told_in_the_same_bytes_after_it_went_through_json(bundle):
    evidence = honest_evidence()
    made = judge(evidence, b.near_term())[0]
    document = json.loads((bundle / "decision.json").read_text())
    assert stated(document, made) == made
    assert evidence_of(made.claim, evidence) == unpacked(files(bundle)).evidence
    assert list(misquoted(made, files(bundle))) == []


def test_a_memo_that_says_more_is_quoted_where_it_departs(bundle):
    made = judge(honest_evidence(), b.near_term())[0]
    (bundle / "memo.md").write_text((bundle / "memo.md").read_text().replace("# EXPLORATORY", "# ACCEPTED", 1))
    [(name, said)] = misquoted(made, files(bundle))
    assert name == "memo.md"
    assert said.startswith('line 1 reads "# ACCEPTED: ')
    assert 'decision.json says "# EXPLORATORY: ' in said


def test_a_memo_of_nothing_but_ends_of_lines_is_quoted_without_a_list_of_them(bundle):
    made, content = judge(honest_evidence(), b.near_term())[0], {"memo.md": b"\n" * 2**24}
    tracemalloc.start()
    try:
        assert [name for name, _ in misquoted(made, content)] == ["memo.md"]
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


def places(one, other):
    return [str(place) for place in differing(one, other)]


def test_the_verdict_is_compared_first_and_every_place_has_a_path():
    one = {"axes": 1, "gates": [{"outcome": "PASS"}], "claims": {"speed": "A"}, "verdict": "ACCEPTED", "more": 0}
    other = {"axes": 2, "gates": [{"outcome": "FAIL"}, {}], "claims": {"speed": "B"}, "verdict": "INVALID"}
    assert places(one, other) == [
        "verdict: bundle ACCEPTED, replayed INVALID",
        "claims.speed: bundle A, replayed B",
        "axes: bundle 1, replayed 2",
        "gates.length: bundle 1, replayed 2",
        "gates[0].outcome: bundle PASS, replayed FAIL",
        "more: bundle 0, replayed nothing",
    ]


def test_a_last_digit_is_rounding_and_a_ninth_is_a_difference():
    found = [place.rounding for other in (0.1 + 0.2, 0.3 + 1e-8) for place in differing([0.3], [other])]
    assert found == [True, False]
    assert places([1, True, None], [1.0, True, None]) == []
    assert places([True, 0], [1, None]) == ["[0]: bundle True, replayed 1", "[1]: bundle 0, replayed null"]
