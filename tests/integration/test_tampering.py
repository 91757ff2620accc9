"""An accepted claim in a real store, and one thing changed: the verdict or the verification names it each time."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ace.domain.canonical import canonical_json
from ace.domain.record import record_digest, record_text
from ace.domain.serial import encode
from ace.domain.session import CANDIDATE
from ace.tracking import names
from ace.tracking.store import open_store
from ace.tracking.writer import Tracker
from tests.integration.filled import EXPERIMENT, Filled, whole_way
from tests.unit.decide import registered as r


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store that is copied for each test: MLflow takes seconds to make one."""
    place = tmp_path_factory.mktemp("accepted")
    store = open_store(None, place)
    whole_way(Filled(store, place, Tracker(store, EXPERIMENT), None))
    return place


@pytest.fixture
def accepted(made_once: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> Filled:
    monkeypatch.setattr("ace.cli.freeze.code_state", lambda *_: r.CODE)
    place = tmp_path / "mlruns"
    shutil.copytree(made_once, place)
    with closing(sqlite3.connect(place / "mlflow.db")) as database:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(made_once), str(place)))
        database.commit()
    store = open_store(None, place)
    return Filled(store, place, Tracker(store, EXPERIMENT), capsys)


def decided(filled: Filled, *arguments: str) -> dict[str, Any]:
    said = filled.decide(*arguments)
    assert said.code == 0, said.err
    made: dict[str, Any] = json.loads(said.out)
    return made


def failing(made: dict[str, Any]) -> dict[str, str]:
    """What each gate saw wherever it fails."""
    found: dict[str, str] = {}
    for gate in made["gates"]:
        if gate["outcome"] == "FAIL":
            found[gate["name"]] = f"{found.get(gate['name'], '')} {gate['evidence']}"
    return found


def cells(filled: Filled, split: str) -> str:
    """The run of a cell on a split."""
    [run] = [
        run.info.run_id
        for run in filled.store.runs(filled.store.experiment_id(EXPERIMENT, create=False))
        if run.data.tags.get(names.SPLIT) == split
    ]
    return str(run)


def test_untouched_it_is_accepted_and_verifies(accepted: Filled):
    assert decided(accepted)["verdict"] == "ACCEPTED"
    said = accepted.verify()
    assert (said.code, "VERIFIED" in said.out) == (0, True)


def test_a_threshold_that_was_changed_after_the_registration_is_named(accepted: Filled):
    made = decided(accepted, "policy.delta=0.01", "policy.margin=0.01")
    assert made["verdict"] == "INVALID"
    assert "the policy is another one" in failing(made)["frozen"]


@pytest.mark.parametrize("split", ["development", "validation", "holdout"])
def test_a_raw_timing_that_was_changed_is_named_by_the_run_it_is_in(accepted: Filled, split: str):
    run = cells(accepted, split)
    file = accepted.folder(run) / names.RECORD_FILE
    record = json.loads(file.read_text())
    [timings] = [t for t in record["sessions"][0]["timings"] if t["arm"] == CANDIDATE]
    timings["wall_s"][0] *= 0.5
    file.write_text(canonical_json(record))
    made = decided(accepted)
    assert made["verdict"] == "INVALID"
    assert run in failing(made)["integrity"]


def test_a_record_that_was_exchanged_with_its_digest_is_missed_by_the_registration(accepted: Filled):
    run = cells(accepted, "development")
    [cell, _] = r.explored((64, 1), seed=9)
    old = json.loads((accepted.folder(run) / names.RECORD_FILE).read_text())
    text = record_text(replace(cell.record, attempt=old["attempt"]))
    (accepted.folder(run) / names.RECORD_FILE).write_text(text)
    other = replace(cell.record, attempt=old["attempt"])
    accepted.store.client.set_tag(run, names.RECORD_DIGEST, record_digest(other))
    made = decided(accepted)
    assert made["verdict"] == "INVALID"
    assert "snapshot" in failing(made)["integrity"] or "gone" in failing(made)["integrity"]


def test_a_look_that_was_taken_out_of_the_ledger_is_named(accepted: Filled):
    lines = accepted.ledger.path.read_text().splitlines(keepends=True)
    accepted.ledger.path.write_text("".join(lines[1:]))
    made = decided(accepted)
    assert made["verdict"] == "INVALID"
    assert "entry 0 of the ledger" in failing(made)["integrity"]


def test_the_ledger_thrown_away_gives_no_fresh_look(accepted: Filled):
    accepted.ledger.path.unlink()
    made = decided(accepted)
    assert made["verdict"] == "INVALID"
    assert "is not in the ledger" in failing(made)["integrity"]
    assert "is not in the ledger" in accepted.freeze("policy.alpha=0.04").line


def test_one_changed_line_of_the_ledger_is_named(accepted: Filled):
    lines = accepted.ledger.path.read_text().splitlines(keepends=True)
    changed = json.loads(lines[0]) | {"opened_at": 1.0}
    accepted.ledger.path.write_text(canonical_json(changed) + "\n" + "".join(lines[1:]))
    assert "entry 1 of the ledger does not follow" in failing(decided(accepted))["integrity"]


@pytest.mark.parametrize("split", ["development", "validation", "holdout"])
def test_a_run_deleted_in_the_ui_is_named(accepted: Filled, split: str):
    run = cells(accepted, split)
    accepted.store.client.delete_run(run)
    made = decided(accepted)
    assert made["verdict"] == "INVALID"
    assert any(run in text for text in failing(made).values())


@pytest.mark.parametrize("split", ["development", "holdout"])
def test_a_run_purged_from_the_database_is_missed(accepted: Filled, split: str):
    run = cells(accepted, split)
    shutil.rmtree(accepted.folder(run).parent)
    with closing(sqlite3.connect(accepted.root / "mlflow.db")) as database:
        for table in ("tags", "params", "metrics", "latest_metrics", "runs"):
            database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run,))
        database.commit()
    made = decided(accepted)
    assert made["verdict"] == "INVALID"
    assert any("gone" in text or run in text for text in failing(made).values())


def test_a_registration_that_was_changed_with_its_digest_is_not_the_one_that_was_looked_for(accepted: Filled):
    made = r.frozen_of(r.evidence(r.explored((64, 1)), None))
    softer = replace(made, policy=replace(made.policy, quality_margin=0.2))
    [run] = [
        run
        for run in accepted.store.runs(accepted.store.experiment_id(EXPERIMENT, create=False))
        if names.REGISTRATION_DIGEST in run.data.tags
    ]
    (accepted.folder(run.info.run_id) / names.REGISTRATION_FILE).write_text(canonical_json(encode(softer)))
    accepted.store.client.set_tag(run.info.run_id, names.REGISTRATION_DIGEST, softer.digest)
    said = decided(accepted, "policy.quality_margin=0.2")
    assert said["verdict"] == "INVALID"
    assert "is not in the store" in failing(said)["frozen"]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("decision.json", '"verdict":"ACCEPTED"', '"verdict":"ACCEPTED_WITHIN_ENVELOPE"'),
        ("decision.json", '"delta":0.03', '"delta":0.02'),
        ("evidence.json", '"status":"FINISHED"', '"status":"FAILED"'),
        ("memo.md", "ACCEPTED", "REJECTED"),
        ("envelope.json", '"seq_len":64', '"seq_len":65'),
        ("transfer.json", '"split":"holdout"', '"split":"validation"'),
    ],
)
def test_a_changed_file_of_the_bundle_is_named_even_when_its_checksum_was_made_to_fit(accepted, file, old, new):
    decided(accepted)
    place = accepted.bundle / file
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))
    said = accepted.verify()
    assert (said.code, file in said.out) == (1, True)
    sums = accepted.bundle / "SHA256SUMS"
    lines = [
        f"{sha256(place.read_bytes()).hexdigest()}  {file}\n" if line.endswith(f"  {file}\n") else line
        for line in sums.read_text().splitlines(keepends=True)
    ]
    sums.write_text("".join(lines))
    said = accepted.verify()
    assert (said.code, "NOT VERIFIED" in said.out) == (1, True)


def test_a_record_of_the_bundle_that_was_exchanged_is_named(accepted: Filled):
    decided(accepted)
    record = sorted((accepted.bundle / "records").iterdir())[0]
    record.write_text(record.read_text().replace('"calls_per_timing":1', '"calls_per_timing":2', 1))
    said = accepted.verify()
    assert (said.code, record.name in said.out) == (1, True)
