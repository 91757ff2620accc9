"""A command that is run again, on a store that is real; measurements are made up (`faked_launch`)."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ace.decide import judge
from ace.domain.finding import Outcome
from ace.domain.stored import Evidence
from ace.measure.device import DEVICE
from ace.measure.device_lock import device_alone
from ace.tracking import names
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from tests import builders as b
from tests.integration.conftest import REPOSITORY

GRID = ("-m", "inputs.rivals=null", "executor.rivals=null", "seq_len=64,128", "batch=1,2")
ONE = ("inputs.rivals=null", "executor.rivals=null", "seq_len=64")


class Place:
    """A user's folder, and commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def launch(self, *overrides: str, **faults: str) -> subprocess.CompletedProcess[str]:
        begun = self.begin(*overrides, **faults)
        told, warned = begun.communicate(timeout=300)
        return subprocess.CompletedProcess(begun.args, begun.returncode, told, warned)

    def begin(self, *overrides: str, **faults: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "ACE_DEVICE_LOCKS": str(self.folder), **faults}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.integration.faked_launch", *overrides],
            cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def at_once(self, *overrides: str) -> list[str]:
        """Two equal commands that both have looked into the store and stand in line for the device; what each says."""
        with device_alone(DEVICE, "a third", 0.0, lambda _: None, self.folder):
            both = [self.begin(*overrides) for _ in range(2)]
            waiting = [begun.stdout.readline() for begun in both if begun.stdout]
        told = [first + begun.communicate(timeout=300)[0] for first, begun in zip(waiting, both, strict=True)]
        assert [line.startswith("waiting for device") for line in waiting] == [True, True], told
        assert [begun.returncode for begun in both] == [0, 0], told
        return told

    @property
    def evidence(self) -> Evidence:
        return read_evidence(open_existing_store(None, self.folder / "mlruns"), "token_pruning")

    @property
    def finished(self) -> Counter[str]:
        return Counter(str(cell.plan.shape) for cell in self.evidence.cells if cell.record is not None and cell.plan)

    def complete(self) -> set[Outcome]:
        [decision] = judge(self.evidence, b.near_term())
        return {gate.outcome for gate in decision.gates if gate.name == "complete"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


EACH_ONCE = Counter(["64x1", "64x2", "128x1", "128x2"])


def test_a_finished_sweep_is_kept_whole_and_a_larger_one_measures_the_rest(place: Place) -> None:
    assert place.launch(*GRID).returncode == 0
    again = place.launch(*GRID)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "the sweep of 4 cells: 4 kept from before" in again.stdout
    assert again.stdout.count("was measured before (run ") == 4
    assert place.finished == EACH_ONCE
    assert place.complete() == {Outcome.PASS}

    larger = place.launch(*GRID[:-1], "batch=1,2,4")
    assert "the sweep of 6 cells: 2 measured, 4 kept from before" in larger.stdout
    assert place.finished == EACH_ONCE + Counter(["64x4", "128x4"])
    assert place.complete() == {Outcome.PASS}

    anew = place.launch("inputs.rivals=null", "executor.rivals=null", "seq_len=64", "resume=false")
    assert anew.returncode == 0
    assert place.finished["64x1"] == 2  # pooled and counted, as any second attempt
    assert place.complete() == {Outcome.PASS}


def test_of_two_equal_commands_at_once_the_second_keeps_what_the_first_measured(place: Place) -> None:
    told = place.at_once(*ONE)
    assert place.finished == Counter(["64x1"])
    assert sorted("kept: 64x1 development was measured before (run " in words for words in told) == [False, True]


@pytest.mark.slow
def test_a_run_whose_key_was_edited_stands_for_no_other_cell(place: Place) -> None:
    both = ("-m", *ONE[:2], "seq_len=64,128")
    assert place.launch(*both).returncode == 0
    store = open_existing_store(None, place.folder / "mlruns")
    runs = [cell.run_id for cell in place.evidence.cells]
    keys = [store.client.get_run(run_id).data.tags[names.CELL_KEY] for run_id in runs]
    for run_id, key in zip(runs, reversed(keys), strict=True):
        store.client.set_tag(run_id, names.CELL_KEY, key)
    foreseen = place.launch(*both, "dry_run=true").stdout
    assert foreseen.count("a record of other plan: its tags were edited") == 2
    again = place.launch(*both)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("a record of other plan: its tags were edited") == 2
    assert place.finished == Counter({"64x1": 2, "128x1": 2})
    assert "the sweep of 2 cells: 2 kept from before" in place.launch(*both).stdout


@pytest.mark.slow
def test_two_commands_at_once_that_are_to_measure_anew_both_do(place: Place) -> None:
    place.at_once(*ONE, "resume=false")
    assert place.finished == Counter({"64x1": 2})


@pytest.mark.slow
def test_a_sweep_that_died_is_finished_by_the_same_command(place: Place) -> None:
    assert place.launch(*GRID, FAKE_DIES="128x1").returncode == 9
    assert place.finished == Counter(["64x1", "64x2"])
    again = place.launch(*GRID)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "was left running and is now KILLED" in again.stdout
    assert "2 measured, 2 kept from before" in again.stdout
    assert place.finished == EACH_ONCE
    assert place.complete() == {Outcome.PASS}
    assert [cell.status for cell in place.evidence.cells].count("KILLED") == 1  # the attempt that died is counted


@pytest.mark.slow
def test_failed_cells_alone_are_measured_when_they_alone_are_asked_for(place: Place) -> None:
    failed = place.launch(*GRID, FAKE_FAILS="128x2")
    assert failed.returncode == 1
    assert "made to fail" in failed.stdout
    retried = place.launch(*GRID[:-1], "batch=1,2,4", "rerun=failed")
    assert retried.returncode == 0, retried.stdout + retried.stderr
    assert "the sweep of 6 cells: 1 measured, 3 kept from before, 2 left out" in retried.stdout
    assert place.finished == EACH_ONCE
    assert place.complete() == {Outcome.PASS, Outcome.NO_EVIDENCE}  # the larger grid is not there, and says how
    assert place.launch(*GRID[:-1], "batch=4").returncode == 0
    assert place.complete() == {Outcome.PASS}


@pytest.mark.slow
def test_replicates_are_cells_of_their_own_and_one_sample_together(place: Place) -> None:
    cell = ("-m", "inputs.rivals=null", "executor.rivals=null", "seq_len=64")
    for replicates in ("0,1", "0,1,2"):
        done = place.launch(*cell, f"replicate={replicates}")
        assert done.returncode == 0, done.stdout + done.stderr
    assert "1 measured, 2 kept from before" in done.stdout
    assert place.finished == Counter({"64x1": 3})
    [decision] = judge(place.evidence, b.near_term())
    assert [(c.sessions, len(c.records)) for c in decision.cells] == [(30, 3)]
    assert place.complete() == {Outcome.PASS}
    refused = place.launch("replicate=-1")
    assert "replicate=-1 is refused" in refused.stdout


@pytest.mark.slow
def test_a_dry_run_tells_what_it_would_do_and_leaves_no_trace(place: Place) -> None:
    first = place.launch(*GRID, "dry_run=true")
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.count("measure  ") == 4
    assert "4 of 4 cells would be measured; how long it takes nobody knows" in first.stdout
    assert not (place.folder / "mlruns").exists()

    assert place.launch("inputs.rivals=null", "executor.rivals=null", "seq_len=64").returncode == 0
    before = place.evidence
    then = place.launch(*GRID, "dry_run=true")
    assert then.stdout.count("measure  ") == 3
    assert "keep     64x1 development" in then.stdout
    assert "3 of 4 cells would be measured, in about" in then.stdout
    assert place.evidence == before
    assert place.launch("dry_run=true", "rerun=all").returncode == 1


@pytest.mark.slow
def test_why_a_cell_that_was_measured_before_is_measured_anew_is_said_before_and_by_a_dry_run(place: Place) -> None:
    (place.folder / "mine").mkdir()
    (place.folder / "mine" / "idea.py").write_text("class Idea: ...\n")
    own = (*ONE, "executor._target_=mine.idea.Idea")
    assert place.launch(*own).returncode == 0
    assert "keep     64x1" in place.launch(*own, "dry_run=true").stdout
    (place.folder / "mine" / "tools.py").write_text("# nothing that the idea imports\n")
    told = place.launch(*own, "dry_run=true").stdout
    assert "; measured before, by other sources of mine than now" in told
    failed = place.launch(*own, FAKE_FAILS="64x1")
    assert failed.returncode == 1
    assert "64x1 development: measured before, by other sources of mine than now" in failed.stdout
    assert "; attempted before 1 time(s), and never completely" in place.launch(*own, "dry_run=true").stdout


def test_a_command_is_spared_torch_until_a_worker_measures() -> None:
    asked = "import sys; import ace.cli.launch; print('torch' in sys.modules, 'mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=100)
    assert done.stdout.split() == ["False", "True"], done.stderr
