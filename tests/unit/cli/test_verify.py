import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ace.cli import verify, verifying
from ace.domain.canonical import canonical_json, sha256_text
from ace.domain.decision import DECISION_SCHEMA_VERSION, decision_text
from ace.domain.record import record_text
from ace.report.bundle import write_bundle
from tests import builders as b
from tests.unit.report.bundles import GAIN, copied, edited, files, vouched, written, zipped

WITHOUT = ("mlflow", "torch", "hydra", "omegaconf", "matplotlib")


@pytest.fixture
def run(capsys):
    """Exit code, lines and what went to stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            verify.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return ended.value.code, out.splitlines(), err

    return run


def differences(lines):
    return [line.strip() for line in lines if line.startswith("  ")]


def records(bundle):
    return sorted(name for name in files(bundle) if name.startswith("records/"))


@pytest.mark.parametrize("top", [None, "", "bundle/"])
def test_a_bundle_that_nobody_touched_verifies_as_a_folder_and_as_a_zip(run, bundle, tmp_path, top):
    place = bundle if top is None else zipped(bundle, tmp_path / "bundle.zip", top)
    code, lines, err = run(place)
    assert (code, err) == (0, "")
    assert lines[0].startswith("VERIFIED: EXPLORATORY  TokenPruning(keep_ratio=0.7) on minilm")
    assert any("not who wrote them" in line for line in lines)


@pytest.mark.parametrize("kind", ["a claim without cells", "every attempt", "an odd name"])
def test_bundles_of_stores_where_things_went_wrong_verify_too(run, tmp_path, kind):
    lost = b.stored(b.record(), record=None, problem="record.json: sha256 differs")
    whole = b.stored(b.honest(GAIN, b.plan(seq_len=128)), status="KILLED", problem="status says KILLED")
    cells = {
        "a claim without cells": [lost],
        "every attempt": [lost, whole, b.stored(b.record(seed=1), plan=None), b.stored(b.record(), tagged_digest=None)],
        "an odd name": [b.stored(b.record(), run_id="a\x1b[31m|b\n", problem="é € \u2028")],
    }[kind]
    written(tmp_path / "bundle", b.evidence(*cells))
    code, lines, _ = run(tmp_path / "bundle")
    assert code == 0, lines


def test_one_changed_byte_in_any_file_is_named(run, clean, tmp_path):
    for index, name in enumerate(files(clean)):
        bundle = copied(clean, tmp_path / str(index))
        content = bytearray((bundle / name).read_bytes())
        content[len(content) // 2] ^= 1
        (bundle / name).write_bytes(content)
        code, lines, _ = run(bundle)
        assert code == 1
        assert name == "SHA256SUMS" or any(line.startswith(f"{name}: sha256 is") for line in differences(lines))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_single_byte_of_a_bundle_can_be_changed_without_being_seen(run, bundle, data):
    name = data.draw(st.sampled_from(sorted(files(bundle))))
    whole = (bundle / name).read_bytes()
    place, bits = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    (bundle / name).write_bytes(whole[:place] + bytes([whole[place] ^ bits]) + whole[place + 1 :])
    code, _, err = run(bundle)
    (bundle / name).write_bytes(whole)
    assert code != 0
    assert "Traceback" not in err


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_zip_is_refused_or_holds_the_same_files(run, bundle, tmp_path, data):
    place = zipped(bundle, tmp_path / "bundle.zip")
    whole = place.read_bytes()
    # the directory at its end is where damage is interpreted, not only checked
    at = len(whole) - 1 - data.draw(st.one_of(st.integers(0, 1500), st.integers(0, len(whole) - 1)))
    place.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    code, lines, err = run(place)
    assert code in (0, 1, 2)
    if code == 0:
        assert verifying.open_bundle(place).files == files(bundle), lines
    if code == 2:
        assert err.count("\n") == 1


def test_a_missing_file_and_an_added_one_are_named(run, bundle):
    (bundle / "regime.csv").unlink()
    (bundle / "notes.txt").write_text("trust me")
    code, lines, _ = run(bundle)
    assert code == 1
    assert differences(lines) == [
        "notes.txt: not listed in SHA256SUMS",
        "regime.csv: listed in SHA256SUMS and missing",
        *[line for line in differences(lines) if line.startswith("note:")],
    ]


def test_a_bundle_whose_sums_were_removed_is_different_and_a_folder_that_is_none_is_none(run, bundle, tmp_path):
    (bundle / "SHA256SUMS").unlink()
    code, lines, _ = run(bundle)
    assert code == 1
    assert differences(lines)[0] == "SHA256SUMS: missing, or no plain file: nothing says what was written"
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty")[0] == 2


@pytest.mark.parametrize("name", ["decision.json", "evidence.json"])
@pytest.mark.parametrize("content", ["{", '{"a": NaN}', '{"a": 1e999}', "[" * 100_000, '\ufeff{"a": 1}', "[]"])
def test_json_that_no_version_of_ace_writes_is_a_difference_although_the_sums_agree(run, bundle, name, content):
    (bundle / name).write_text(content, encoding="utf-8")
    vouched(bundle)
    code, lines, err = run(bundle)
    assert (code, err) == (1, "")
    assert differences(lines)[0].startswith(f"{name}: not ")


def test_an_edited_verdict_is_named_first_although_the_sums_agree(run, bundle):
    def claim(made):
        made["verdict"] = made["claims"]["speed"]["verdict"] = "ACCEPTED"
        made["cells"][0]["gain"] = 0.7

    edited(bundle, "decision.json", claim)
    code, lines, _ = run(bundle)
    assert code == 1
    first, second, third, *_ = differences(lines)
    assert first == "decision.json: verdict: bundle ACCEPTED, replayed EXPLORATORY"
    assert second == "decision.json: claims.speed.verdict: bundle ACCEPTED, replayed EXPLORATORY"
    assert third.startswith("decision.json: cells[0].gain: bundle 0.7, replayed 0.1")


def test_an_edited_gate_is_named_by_its_place(run, bundle):
    gates = json.loads((bundle / "decision.json").read_text())["gates"]
    index = next(i for i, gate in enumerate(gates) if gate["outcome"] == "NO_EVIDENCE")
    edited(bundle, "decision.json", lambda made: made["gates"][index].update(outcome="PASS"))
    _, lines, _ = run(bundle)
    assert differences(lines)[0] == f"decision.json: gates[{index}].outcome: bundle PASS, replayed NO_EVIDENCE"


def test_a_policy_that_was_relaxed_afterwards_moves_what_follows_from_it(run, bundle):
    edited(bundle, "decision.json", lambda made: made["policy"].update(delta=0.5))
    code, lines, _ = run(bundle)
    assert code == 1
    assert differences(lines)[0].startswith("decision.json: verdict: bundle EXPLORATORY, replayed REJECTED_NO_GAIN")


@pytest.mark.parametrize("name", ["memo.md", "regime.csv", "report.html"])
def test_a_text_that_says_something_other_than_the_decision_is_named(run, bundle, name):
    text = (bundle / name).read_text()
    (bundle / name).write_text(text.replace("EXPLORATORY", "ACCEPTED").replace("positive", "splendid"))
    vouched(bundle)
    code, lines, _ = run(bundle)
    assert code == 1
    [found] = [line for line in differences(lines) if not line.startswith("note:")]
    assert found.startswith(f"{name}: line ")
    assert "decision.json says" in found


def test_another_picture_is_named_by_its_digest_and_by_the_page_that_shows_the_first(run, bundle):
    (bundle / "regime.png").write_bytes(b"\x89PNG another picture")
    assert differences(run(bundle)[1])[0].startswith("regime.png: sha256 is")
    vouched(bundle)
    assert differences(run(bundle)[1])[0].startswith("report.html: line ")


def swap(bundle, made):
    """Put `made` in the place of the first record, everywhere that names it."""
    old, new = records(bundle)[0].removeprefix("records/").removesuffix(".json"), sha256_text(record_text(made))
    (bundle / "records" / f"{old}.json").unlink()
    (bundle / "records" / f"{new}.json").write_text(record_text(made))
    for name in ("evidence.json", "decision.json"):
        (bundle / name).write_text((bundle / name).read_text().replace(old, new))
    vouched(bundle)


def test_a_record_swapped_for_another_valid_one_is_named_by_what_follows_from_it(run, bundle):
    name = records(bundle)[0]
    split = json.loads((bundle / name).read_text())["plan"]["benchmark"]["split"]
    swap(bundle, b.honest(0.5, b.plan(split=split), seed=7))
    code, lines, _ = run(bundle)
    assert code == 1
    assert any(line.startswith("decision.json: cells[") for line in differences(lines))


def test_a_record_swapped_in_records_alone_does_not_fit_the_evidence(run, bundle):
    made = record_text(b.honest(0.5, b.plan(), seed=7))
    (bundle / records(bundle)[0]).unlink()
    (bundle / "records" / f"{sha256_text(made)}.json").write_text(made)
    vouched(bundle)
    code, lines, _ = run(bundle)
    assert code == 1
    assert any("which is not in the bundle" in line for line in differences(lines))
    assert any("no attempt in evidence.json has this record" in line for line in differences(lines))


def test_a_forgery_that_is_consistent_all_through_is_seen_by_the_anchor_alone(run, clean, tmp_path):
    forged = b.evidence(*(b.stored(b.honest(0.5, b.plan(split=s), seed=7)) for s in ("development", "validation")))
    written(tmp_path / "forged", forged)
    anchor = hashlib.sha256((clean / "SHA256SUMS").read_bytes()).hexdigest()
    assert run(tmp_path / "forged")[0] == 0
    code, lines, _ = run(tmp_path / "forged", "--anchor", f"sha256:{anchor}")
    assert code == 1
    own = hashlib.sha256((tmp_path / "forged" / "SHA256SUMS").read_bytes()).hexdigest()
    assert differences(lines)[0] == f"SHA256SUMS: the bundle is sha256:{own}, the anchor is sha256:{anchor}"
    assert run(clean, "--anchor", anchor.upper())[0] == 0


def test_an_anchor_that_is_no_sha256_is_refused(run, clean):
    code, _, err = run(clean, "--anchor", "abc")
    assert code == 2
    assert "is no sha256" in err


def test_a_bundle_of_another_schema_is_no_difference_but_another_version(run, bundle):
    other = DECISION_SCHEMA_VERSION + 1
    edited(bundle, "decision.json", lambda made: made.update(schema_version=other))
    code, lines, err = run(bundle)
    assert (code, lines) == (2, [])
    assert "another version of ACE" in err
    assert f"decision schema {other}; this one reads {DECISION_SCHEMA_VERSION}" in err
    assert err.count("\n") == 1


def test_evidence_with_a_field_that_this_version_does_not_know_is_another_version(run, bundle):
    edited(bundle, "evidence.json", lambda made: made["evidence"].update(novelty=1))
    code, _, err = run(bundle)
    assert code == 2
    assert "unknown field 'novelty' in Evidence; written by another version?" in err


def test_a_field_that_somebody_added_to_the_decision_is_a_difference(run, bundle):
    edited(bundle, "decision.json", lambda made: made.update(endorsed_by="everybody"))
    code, lines, _ = run(bundle)
    assert code == 1
    assert "decision.json: endorsed_by: bundle everybody, replayed nothing" in differences(lines)


def test_evidence_of_another_claim_cannot_stand_for_this_one(run, bundle):
    edited(bundle, "evidence.json", lambda made: made.update(claim="0" * 64))
    code, lines, _ = run(bundle)
    assert code == 1
    assert "cannot be judged" in differences(lines)[0]


def test_evidence_that_no_judge_can_bear_is_a_difference_and_not_a_crash(run, bundle):
    def blind(made):
        for session in made["sessions"]:
            session["timings"] = session["timings"][:1]
            session["order"] = [["baseline"]] * len(session["order"])

    name = records(bundle)[0]
    made = json.loads((bundle / name).read_text())
    blind(made)
    text = canonical_json(made)
    old, new = name.removeprefix("records/").removesuffix(".json"), sha256_text(text)
    (bundle / name).unlink()
    (bundle / "records" / f"{new}.json").write_text(text)
    (bundle / "evidence.json").write_text((bundle / "evidence.json").read_text().replace(old, new))
    vouched(bundle)
    code, lines, err = run(bundle)
    assert (code, err) == (1, "")
    assert differences(lines)


@pytest.mark.parametrize("place", ["nowhere", "empty", "file.zip", "other.zip"])
def test_what_is_no_bundle_is_one_line_on_stderr(run, tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.zip").write_text("no zip at all")
    (tmp_path / "memo.md").write_text("a memo alone")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "memo.md").write_text("a memo alone")
    zipped(tmp_path / "notes", tmp_path / "other.zip")
    code, lines, err = run(tmp_path / place)
    assert (code, lines) == (2, [])
    assert err.startswith("ace-verify: ")
    assert err.count("\n") == 1


def test_text_out_of_a_bundle_moves_no_cursor(run, bundle):
    edited(bundle, "decision.json", lambda made: made.update(label="\x1b[2J\rVERIFIED: ACCEPTED\nexit 0"))
    _, lines, _ = run(bundle)
    assert not any(line.startswith(("VERIFIED", "exit")) for line in lines)
    assert all(line.isprintable() for line in lines)


def test_a_bundle_of_other_sources_is_stale_and_right_all_the_same(run, bundle):
    code, lines, _ = run(bundle)
    assert code == 0
    assert any(line.startswith("STALE: measured by ACE with sources package; those installed here") for line in lines)
    assert run(bundle, "--strict")[0] == 1


def test_a_bundle_judged_by_another_release_verifies_and_is_stale(run, tmp_path, monkeypatch):
    monkeypatch.setattr("ace.__version__", "0.0.1")
    written(tmp_path / "bundle")
    monkeypatch.undo()
    code, lines, _ = run(tmp_path / "bundle")
    assert code == 0
    assert any(line.startswith("STALE: judged by ACE 0.0.1; installed here is ") for line in lines)


def test_last_digits_of_another_processor_are_remarked_on_and_are_no_difference(run, bundle, tmp_path):
    made = json.loads((bundle / "decision.json").read_text())
    evidence = verifying.unpacked(files(bundle)).evidence
    decision = verifying.replayed(evidence, b.near_term(), made["claim"])
    cell = decision.cells[0]
    nearly = replace(decision, cells=(replace(cell, gain=cell.gain * (1 + 1e-14)), *decision.cells[1:]))
    assert decision_text(nearly) != decision_text(decision)
    write_bundle(nearly, evidence, tmp_path / "elsewhere")
    code, lines, _ = run(tmp_path / "elsewhere")
    assert code == 0
    assert any("1 number(s) differ in their last digits" in line for line in lines)


def test_verifying_loads_no_store_no_model_and_no_configuration(clean):
    script = (
        "import sys\n"
        "from ace.cli.verify import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        f"print([name for name in {WITHOUT!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(clean)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "[]"
