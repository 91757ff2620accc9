"""launch.py and ace-decide with small real cells: what they print, where they leave it, how they exit."""

import json
from pathlib import Path

import pytest

from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from tests.integration.conftest import Command

TINY = (
    "seq_len=16",
    "split.examples=64",
    "protocol.sessions=2",
    "protocol.rounds=2",
    "protocol.warmup_rounds=1",
    "inputs.rivals=null",  # the compiled rival takes some 20 s for each new shape
)


@pytest.mark.slow
def test_a_sweep_with_a_failing_cell_goes_on_shows_it_at_once_and_exits_1(
    launch: Command, decide: Command, tmp_path: Path
) -> None:
    (tmp_path / "idea.py").write_text(
        "import copy\n"
        "class Sometimes:\n"
        "    def prepare(self, model, example):\n"
        "        if example.ids.shape[0] == 2:\n"
        "            raise RuntimeError('cannot do pairs')\n"
        "        return copy.deepcopy(model)\n"
    )
    done = launch("-m", *TINY, "batch=2,1", "executor._target_=idea.Sometimes", "protocol.sessions=1")
    assert done.returncode == 1, done.stderr
    assert "cannot do pairs" in done.stdout
    assert "16x1 development:" in done.stdout
    assert "dropped the old executor's keep_ratio, prune_at, score, rivals" in done.stdout
    evidence = read_evidence(open_existing_store(None, tmp_path / "mlruns"), "token_pruning")
    assert sorted(cell.status for cell in evidence.cells) == ["FAILED", "FINISHED"]
    (declared,) = evidence.sweeps
    assert declared.status == "FAILED"
    assert sorted(declared.planned) == sorted(str(cell.job) for cell in evidence.cells)
    assert all(cell.record is not None for cell in evidence.cells)

    judged = decide("--experiment", "token_pruning", "--json")
    assert judged.returncode == 0, judged.stderr
    decision = json.loads(judged.stdout)
    assert decision["verdict"] == "EXPLORATORY"
    assert {gate["name"] for gate in decision["gates"]} >= {"integrity", "complete", "parity", "gain", "quality"}
    assert (tmp_path / "decisions" / "token_pruning" / "report.html").is_file()
    required = decide("--experiment", "token_pruning", "--require", "ACCEPTED")
    assert required.returncode == 1
    either = decide("--experiment", "token_pruning", "--require", "accepted,exploratory")
    assert either.returncode == 0
    strange = decide("--experiment", "token_pruning", "--require", "ACCEPTED,FINE")
    assert (strange.returncode, "FINE: no verdict; there are" in strange.stderr) == (2, True)

    early = ("executor._target_=idea.Sometimes", "fail_fast=true", "experiment.name=early")
    stopped = launch("-m", *TINY, "batch=2,1", *early)
    assert stopped.returncode == 1
    assert "left out: fail_fast=true" in stopped.stdout
    evidence = read_evidence(open_existing_store(None, tmp_path / "mlruns"), "early")
    assert [cell.status for cell in evidence.cells] == ["FAILED"]
    assert [(sweep.status, len(sweep.planned)) for sweep in evidence.sweeps] == [("KILLED", 2)]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("executor.keep_ratio=1.2",), "executor.keep_ratio=1.2 is refused"),
        (("batch=0",), "batch=0 is refused"),
        (("seqlen=16",), "seqlen"),
        (("split=development", "split.name=holdout"), "split=holdout is sealed"),
        (("tracking.root=/proc/nowhere",), "/proc/nowhere"),
    ],
)
def test_what_cannot_run_is_one_clear_message_exit_1_and_no_run(
    overrides: tuple[str, ...], said: str, launch: Command, tmp_path: Path
) -> None:
    done = launch(*TINY, *overrides)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    if (tmp_path / "mlruns" / "mlflow.db").exists():
        store = open_existing_store(None, tmp_path / "mlruns")
        assert read_evidence(store, "token_pruning").cells == () if "token_pruning" in _names(store) else True


def _names(store: object) -> tuple[str, ...]:
    from ace.tracking.store import experiments

    return experiments(store)  # type: ignore[arg-type]


def test_without_a_store_the_decision_is_one_line_and_exit_2(decide: Command) -> None:
    done = decide("--experiment", "token_pruning")
    assert done.returncode == 2
    assert done.stderr.startswith("ace-decide: ")
    assert len(done.stderr.strip().splitlines()) == 1
