"""Four processes that record cells in one store at the same time, as four hosts do: nothing lost, nobody waits long."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ace.tracking.ledger import Ledger
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from tests.integration.conftest import REPOSITORY
from tests.integration.serving import Served
from tests.integration.writing import EXPERIMENT

pytestmark = [pytest.mark.slow, pytest.mark.steady]
WRITERS, CELLS = 4, 5
LONGEST_WAIT_S = 5.0


def written(root: Path, uri: tuple[str, ...]) -> list[float]:
    """Seconds that each call of each writer took."""
    command = [sys.executable, "-m", "tests.integration.writing"]
    writers = [
        subprocess.Popen(
            [*command, str(number), str(CELLS), str(root), *uri],
            cwd=REPOSITORY, env=dict(os.environ), stdout=subprocess.PIPE, text=True,
        )
        for number in range(WRITERS)
    ]  # fmt: skip
    while len(list(root.glob("ready-*"))) < WRITERS and all(writer.poll() is None for writer in writers):
        time.sleep(0.05)
    (root / "go").touch()
    words = [writer.communicate(timeout=300)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    return [wait_s for word in words for wait_s in json.loads(word)]


def require_all(root: Path, uri: tuple[str, ...]) -> None:
    """Every cell of every writer, whole."""
    found = read_evidence(open_existing_store(*(uri or (None,)), root), EXPERIMENT, Ledger(root / "ledger.jsonl"))
    whole = [cell.record.attempt for cell in found.cells if cell.record and not cell.problem]
    assert sorted(whole) == sorted(f"{writer}-{cell}" for writer in range(WRITERS) for cell in range(CELLS))


def test_four_processes_lose_nothing_in_one_sqlite_file_and_none_waits_for_more_than_5_s(tmp_path: Path) -> None:
    waits_s = written(tmp_path, ())
    require_all(tmp_path, ())
    assert max(waits_s) <= LONGEST_WAIT_S


def test_four_processes_lose_nothing_on_a_server_and_none_waits_for_more_than_5_s(
    tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    waits_s = written(tmp_path, (served.uri,))
    require_all(tmp_path, (served.uri,))
    assert max(waits_s) <= LONGEST_WAIT_S
