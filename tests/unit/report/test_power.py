"""What a bundle says of energy: everything in one file; and of a simulated number that it is one, wherever it is."""

import json

import pytest

from ace.cli.verifying import verify
from ace.decide import judge
from ace.report.bundle import write_bundle
from ace.report.terminal import summary_lines
from tests import builders as b
from tests.unit.decide.powered import CONSTANT, PACKAGES, powered
from tests.unit.report.bundles import edited

NOW_S = 2000.0


def bundle_of(folder, choice, **given):
    records = [b.honest(0.122, b.plan(split=split)) for split in ("development", "validation")]
    cells = [b.stored(powered(choice, **given)(record)) for record in records]
    evidence = b.evidence(*cells)
    [decision] = judge(evidence, b.near_term())
    write_bundle(decision, evidence, folder)
    return decision, folder


@pytest.fixture
def declared(tmp_path):
    return bundle_of(tmp_path / "bundle", CONSTANT, device="cpu")


@pytest.fixture
def metered(tmp_path):
    return bundle_of(tmp_path / "bundle", PACKAGES, device="cpu")


def test_a_declared_power_is_called_simulated_in_memo_report_plot_terminal_and_package(declared):
    decision, folder = declared
    memo, page = ((folder / name).read_text() for name in ("memo.md", "report.html"))
    for title in ("Energy (SIMULATED", "Effective compute density (SIMULATED"):
        assert title in page
    for text in (memo, page):
        assert "OVERRIDE, simulated" in text
        assert "simulated: joules per item" in text
    assert "energy, SIMULATED: development" in page
    assert page.count("SIMULATED</text>") == 2  # in the box of each cell
    assert any("energy refused: OVERRIDE is simulated" in line for line in summary_lines(decision))
    package = json.loads((folder / "energy.json").read_text())
    assert package["simulated"] is True
    measurements = [made for cell in package["cells"] for made in cell["measurements"]]
    assert [source["simulated"] for made in measurements for source in made["sources"]] == [True, True]


def test_what_was_measured_is_never_called_simulated(metered):
    _, folder = metered
    assert "idle power: 31.0 W" in (folder / "memo.md").read_text()
    for name in ("memo.md", "report.html", "energy.json"):
        assert "SIMULATED" not in (folder / name).read_text()


def test_the_package_holds_source_windows_budget_idle_power_and_the_place_of_every_raw_series(metered):
    decision, folder = metered
    package = json.loads((folder / "energy.json").read_text())
    assert [cell["cell"] for cell in package["cells"]] == [cell.cell for cell in decision.cells]
    [made] = package["cells"][0]["measurements"]
    assert made["sources"][0]["grade"] == "HOST_COUNTER"
    for session in made["sessions"]:
        assert session["idle"][0]["power_w"] > 0
        assert {check["arm"] for check in session["outputs_checked"]} == {"baseline", "null", "candidate"}
        assert [window["arm"] for window in session["windows"]] == ["baseline", "null", "candidate"]
        for window in session["windows"]:
            assert {part["name"] for part in window["budget"]["components"]} == {"gain", "offset", "drift", "edges"}
            assert all(part["source"] for part in window["budget"]["components"])
            file, _, way = window["raw_series"]["where"].partition("#/")
            found = json.loads((folder / file).read_text())
            for step in way.split("/"):
                found = found[int(step) if step.isdigit() else step]
            assert len(found["values"]) == window["raw_series"]["readings"] > 0


def test_the_package_says_what_a_better_source_would_change_and_the_command_to_run_there(declared):
    better = json.loads((declared[1] / "energy.json").read_text())["better_source"]
    assert "copy of time" in better["would_change"]
    commands = better["run_there"].split(" && ")
    assert commands[0] == "ace-doctor"
    assert all("experiment.scopes=[speed,energy,ecd]" in command for command in commands[1:-1])
    assert commands[-1].startswith("ace-decide --experiment")
    assert better["run_there"] in (declared[1] / "memo.md").read_text().replace("\\", "").replace("&amp;", "&")


def test_a_package_that_was_edited_is_named_by_whoever_verifies(metered):
    _, folder = metered
    assert verify(folder, None, NOW_S).problems == ()

    def warmer(value):
        value["cells"][0]["answer"]["baseline_j"] *= 2

    edited(folder, "energy.json", warmer)
    assert "energy.json" in {name for name, _ in verify(folder, None, NOW_S).problems}
