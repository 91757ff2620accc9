"""The store of several hosts, for real: an MLflow server that asks who comes, PostgreSQL behind it, files by proxy."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ace.tracking.reader import read_evidence
from ace.tracking.store import open_store
from ace.tracking.writer import Tracker
from tests import builders
from tests.integration.conftest import REPOSITORY, Command
from tests.integration.filled import Filled
from tests.integration.serving import Served

pytestmark = pytest.mark.slow

TELLTALE = """
import os, sys

class Telltale:
    def prepare(self, model, example):
        print(dict(os.environ))
        sys.stdout.flush()
        raise RuntimeError(str(dict(os.environ)))
"""


@pytest.fixture(scope="module")
def recorded(
    tmp_path_factory: pytest.TempPathFactory, served: Served, user_environment: dict[str, str]
) -> tuple[Path, str]:
    """The folder and all the words of two launches through the server: one cell measured, one whose executor tells all
    that it knows."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "telltale.py").write_text(TELLTALE)
    environment = {**user_environment, **served.environment, "MLFLOW_TRACKING_URI": served.uri}
    small = ["tracking=server", "model=encoder", "hidden=32", "depth=1", "seq_len=8", "split.examples=64"]
    small += ["protocol.sessions=2", "protocol.rounds=2", "protocol.warmup_rounds=1", "inputs.rivals=null"]
    words = ""
    for executor, code in (("executor=identity", 0), ("executor._target_=telltale.Telltale", 1)):
        done = subprocess.run(
            [sys.executable, str(REPOSITORY / "launch.py"), "-m", *small, executor], cwd=folder, env=environment,
            capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        words += done.stdout + done.stderr
        assert done.returncode == code, words
    return folder, words


MOST_REQUESTS = 20
"""8 to record a cell and 7 to read it, and a few for the experiment; through MLflow's client they were 9 and 24."""


def test_a_cell_is_recorded_and_read_back_in_a_score_of_requests(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    store, made = open_store(served.uri, tmp_path), builders.record()
    made = replace(made, plan=replace(made.plan, experiment="counted"))
    tracker = Tracker(store, "counted")
    before = len(_requests(served))
    Filled(store, tmp_path, tracker, None).measured(made)
    assert [cell.record for cell in read_evidence(store, "counted").cells] == [made]
    assert len(_requests(served)) - before <= MOST_REQUESTS


def _requests(served: Served) -> list[str]:
    log = (served.artifacts.parent / "server.log").read_text()
    return [line for line in log.splitlines() if " HTTP/1.1" in line]


def test_files_of_a_run_go_through_the_servers_proxy_and_none_stays_on_the_host_that_measured(
    recorded: tuple[Path, str], served: Served
) -> None:
    folder, _ = recorded
    assert not (folder / "mlruns" / "artifacts").exists()
    records = [path.read_text() for path in served.artifacts.rglob("record.json")]
    assert any("ace.executors.identity" in record for record in records)


def test_neither_a_record_nor_a_log_nor_the_database_holds_a_password(
    recorded: tuple[Path, str], served: Served
) -> None:
    folder, words = recorded
    files = [*folder.rglob("*"), *served.artifacts.rglob("*"), served.artifacts.parent / "server.log"]
    texts = {str(path): path.read_bytes().decode("utf-8", "replace") for path in files if path.is_file()}
    texts |= {"what was shown": words, "the database": served.postgres.dump()}
    assert "PATH" in texts["the database"] + "".join(texts.values()), "the executor's words were not kept at all"
    assert [name for name, text in texts.items() if any(secret in text for secret in served.secrets)] == []


def test_who_is_not_let_in_reads_one_line_that_says_so(launch: Command, served: Served, tmp_path: Path) -> None:
    done = launch(f"tracking.uri={served.uri}", "experiment.name=stranger", "seq_len=8")
    assert done.returncode == 1
    assert "not authenticated" in done.stdout.lower()
    assert "Traceback" not in done.stdout + done.stderr


def test_a_password_typed_into_an_address_is_refused_before_anything_keeps_it(launch: Command, tmp_path: Path) -> None:
    done = launch("-m", "tracking.uri=http://ace:hush@127.0.0.1:5000", "seq_len=8,16")
    assert done.returncode == 1
    assert done.stderr.startswith("ace: tracking.uri holds a password")
    assert "hush" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
