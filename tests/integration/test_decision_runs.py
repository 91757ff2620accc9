"""What ace-decide leaves in MLflow for people: a decision with files and table, grouped cells, a note with links."""

import hashlib
import json
import shutil
import urllib.parse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ace.cli import verify as verify_command
from ace.cli.verifying import verify
from ace.report.tables import COLUMNS
from ace.tracking import names
from ace.tracking.reader import read_evidence
from ace.tracking.store import Store, open_store
from ace.tracking.writer import Tracker
from tests.integration.filled import EXPERIMENT, Filled
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store(None, tmp_path_factory.mktemp("decided"))


@pytest.fixture
def filled(request: pytest.FixtureRequest, store: Store, capsys: pytest.CaptureFixture[str]) -> Iterator[Filled]:
    yield Filled(store, Path(str(store.artifact_root)).parent, Tracker(store, EXPERIMENT), capsys)
    store.client.rename_experiment(store.experiment_id(EXPERIMENT, create=False), request.node.name)


def of_kind(filled: Filled, kind: str):
    here = filled.store.experiment_id(EXPERIMENT, create=False)
    return list(filled.store.runs(here, f"tags.`{names.KIND}` = '{kind}'"))


def note(filled: Filled) -> str:
    return filled.store.experiment(EXPERIMENT).tags[names.NOTE]


def test_the_decision_run_shows_report_memo_and_figures_and_is_a_bundle_that_verifies(filled):
    filled.keep(r.explored((64, 1), (128, 1)))
    assert filled.decide().code == 0
    [run] = of_kind(filled, names.DECISION)
    folder = Path(run.info.artifact_uri)
    assert {"report.html", "memo.md", "regime.png", "gain.png", "sessions.png", "drift.png"} <= {
        path.name for path in folder.iterdir()
    }
    assert verify(folder, run.data.tags["ace.bundle_digest"].removeprefix("sha256:"), 0.0).problems == ()
    assert run.data.tags[names.NOTE] == (folder / "memo.md").read_text()
    assert run.data.metrics["map/positive_cells"] == 2


def test_the_cells_are_a_table_that_mlflow_shows_below_the_decision(filled):
    filled.keep(r.explored((64, 1)))
    filled.decide()
    [decision], [table] = of_kind(filled, names.DECISION), of_kind(filled, names.TABLE)
    assert table.data.tags[names.PARENT] == decision.info.run_id
    assert json.loads(table.data.tags["mlflow.loggedArtifacts"]) == [{"path": "cells.json", "type": "table"}]
    made = json.loads((Path(table.info.artifact_uri) / "cells.json").read_text())
    assert made["columns"] == list(COLUMNS)
    assert [(row[0], row[1]) for row in made["data"]] == [("development", 64), ("validation", 64)]
    assert len(read_evidence(filled.store, EXPERIMENT).cells) == 2  # a table is no evidence


def test_the_note_leads_to_the_latest_decision_and_keeps_what_somebody_wrote(filled):
    here = filled.store.experiment_id(EXPERIMENT, create=False)
    filled.store.client.set_experiment_tag(here, names.NOTE, "Ours since May.")
    runs = filled.keep(r.explored((64, 1), (128, 1)))
    filled.decide()
    filled.decide()
    newest = of_kind(filled, names.DECISION)[-1]
    text = note(filled)
    assert text.startswith("Ours since May.\n")
    assert text.count("## Latest decision") == 1
    assert f"- [EXPLORATORY: TokenPruning(keep_ratio=0.7) on minilm](#/experiments/{here}/runs/" in text
    assert f"#/experiments/{here}/runs/{newest.info.run_id})" in text
    compared = next(line for line in text.splitlines() if "development: 2 runs" in line)
    query = urllib.parse.parse_qs(compared.partition("#/compare-runs?")[2].rstrip(")"))
    assert json.loads(query["experiments"][0]) == [here]
    assert set(json.loads(query["runs"][0])) < set(runs)


@pytest.mark.parametrize("sweep", ["multirun/one", "it's one"])
def test_the_runs_of_a_sweep_are_grouped_below_it_and_compare_by_numeric_axes(filled, sweep):
    whole = filled.tracker.declare_sweep(sweep, ["seq_len=64", "seq_len=128"])
    cells = [b.honest(0.1, b.plan(seq_len=n)) for n in (64, 128)]
    made = [filled.measured(cell, sweep=sweep, job=f"seq_len={cell.plan.shape.seq_len}") for cell in cells]
    alone = filled.measured(replace(cells[0], attempt="alone"))
    runs = {run.info.run_id: run for run in of_kind(filled, names.CELL)}
    assert [runs[run].data.tags[names.PARENT] for run in made] == [whole, whole]
    assert names.PARENT not in runs[alone].data.tags
    assert sorted(float(runs[run].data.params["seq_len"]) for run in made) == [64, 128]


@pytest.fixture
def family(filled):
    """The folder of a consensus of two experiments, as `ace-decide` wrote it."""
    filled.keep(r.explored((64, 1)))
    other = Filled(filled.store, filled.root, Tracker(filled.store, "merging"), None)
    other.measured(b.honest(0.3, replace(b.plan(), experiment="merging")))
    said = filled.decide("--consensus", "merging")
    assert said.code == 0, said.err
    return filled.bundle.with_name("bundle.consensus")


def verified(place, capsys, *options):
    """Exit code and what `ace-verify` prints."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        verify_command.main([str(place), *options])
    return ended.value.code, capsys.readouterr().out


def test_a_family_is_decided_together_with_a_bundle_of_each_member(family, filled):
    made = json.loads((family / "consensus.json").read_text())
    assert [member["experiment"] for member in made["members"]] == [EXPERIMENT, "merging"]
    for number, member in enumerate(made["members"], start=1):
        found = verify(family / f"member-{number}", member["bundle"].removeprefix("sha256:"), 0.0)
        assert found.problems == ()
    assert made["everywhere"] == [{"seq_len": 64, "batch": 1, "hidden": 384, "depth": 6}]
    assert "bands do not overlap" in (family / "consensus.md").read_text()
    assert "name two or more experiments, each once" in filled.decide("--consensus", EXPERIMENT).line


def test_a_consensus_verifies_with_all_its_bundles_and_by_its_own_digest(family, capsys):
    code, said = verified(family, capsys)
    assert code == 0, said
    assert said.count("VERIFIED: ") == 2
    digest = hashlib.sha256((family / "consensus.json").read_bytes()).hexdigest()
    assert f"sha256:{digest}" in said
    assert verified(family, capsys, "--anchor", digest)[0] == 0
    code, said = verified(family, capsys, "--anchor", "0" * 64)
    assert code == 1
    assert "the anchor is sha256:000" in said


def another_gain(family):
    text = (family / "consensus.json").read_text()
    (family / "consensus.json").write_text(text.replace('"disagreed"', '"agreed"').replace('"gain":0.3', '"gain":0.4'))


def another_word(family):
    file = family / "consensus.md"
    file.write_text(file.read_text().replace("are never pooled", "are pooled"))


def without_a_member(family):
    shutil.rmtree(family / "member-2")


def members_swapped(family):
    (family / "member-1").rename(family / "other")
    (family / "member-2").rename(family / "member-1")
    (family / "other").rename(family / "member-2")


def a_byte_of_a_member(family):
    file = family / "member-2" / "memo.md"
    file.write_bytes(file.read_bytes() + b" ")


def a_link(family):
    (family / "consensus.md").unlink()
    (family / "consensus.md").symlink_to(family / "consensus.json")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (another_gain, "consensus.json: not what the bundles give"),
        (another_word, "consensus.md: not what the bundles give"),
        (without_a_member, "there is none: a consensus of"),
        (members_swapped, "consensus.json: not what the bundles give"),
        (a_byte_of_a_member, "member-2/memo.md: sha256 is"),
        (a_link, "consensus.md: not of a consensus; it was not opened"),
    ],
)
def test_a_consensus_that_was_changed_does_not_verify_and_says_where(family, capsys, change, named):
    change(family)
    code, said = verified(family, capsys)
    assert code == 1
    assert named in said
