"""What becomes of jobs that an engine runs in processes of its own reaches the command that launched them.

Nothing is measured: the cells were, by a command that made its measurements up, and are kept or refused here.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ace.decide import judge
from ace.domain.finding import Outcome
from ace.domain.stored import Evidence
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from tests import builders as b
from tests.integration.conftest import REPOSITORY

pytestmark = pytest.mark.slow
CELLS = ("-m", "inputs.rivals=null", "executor.rivals=null", "batch=1")
ENGINE = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


def launched(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "ACE_DEVICE_LOCKS": str(folder)}
    command = [sys.executable, "-m", "tests.integration.faked_launch", *CELLS, *overrides]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def evidence(folder: Path) -> Evidence:
    return read_evidence(open_existing_store(None, folder / "mlruns"), "token_pruning")


def complete(folder: Path) -> set[Outcome]:
    [decision] = judge(evidence(folder), b.near_term())
    return {gate.outcome for gate in decision.gates if gate.name == "complete"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measured")
    done = launched(folder, "seq_len=64,128")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_cells_kept_and_refused_in_other_processes_are_those_that_their_sweep_tells_of(measured: Path) -> None:
    done = launched(measured, *ENGINE, "hydra.sweeper.max_batch_size=2", "seq_len=1000,64,128")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "refused or failed (batch=1,executor.rivals=null,inputs.rivals=null,seq_len=1000): seq_len=1000 is refused" \
        in done.stdout  # fmt: skip
    # the third cell is of the batch after the one in which a cell was refused
    assert "the sweep of 3 cells: 2 kept from before, 1 refused" in done.stdout
    swept = evidence(measured).sweeps[-1]
    assert [job.rpartition("=")[2] for job in swept.refused] == ["1000"]
    assert {job.rpartition("=")[2] for job, _ in swept.reused} == {"64", "128"}
    assert swept.status == "FAILED"
    assert complete(measured) == {Outcome.PASS}


def test_a_sweep_whose_engine_lost_a_job_has_not_come_to_its_end(measured: Path) -> None:
    lost = (*ENGINE, "hydra.launcher.timeout=0.001")  # joblib gives up waiting
    done = launched(measured, *lost, "seq_len=64,128,256")
    assert done.returncode == 1
    assert "ace: the engine gave up (TimeoutError): a job did not end within the engine's time limit." in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "not reached" in done.stdout
    assert evidence(measured).sweeps[-1].status == "KILLED"
    assert complete(measured) == {Outcome.PASS, Outcome.NO_EVIDENCE}
