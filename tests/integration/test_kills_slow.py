"""A sweep that is ended twenty times at moments that nobody chose, and given again each time until it is whole.

Every way in which a sweep ends before its time: Ctrl-C, SIGTERM and SIGKILL of the command alone, SIGKILL of a worker
alone, SIGKILL of both. What was heard to the end must be found in the store, to the last timing.
"""

import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from ace.cli.interrupted import BEGUN
from ace.domain.decode import decode
from ace.domain.session import Session
from ace.domain.stored import StoredCell
from ace.measure.messages import HEARD, Answer
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from tests.integration.conftest import REPOSITORY, Command

pytestmark = pytest.mark.slow

BATCHES = (1, 2)
SWEEP = (
    "-m", "model=encoder", "depth=1", "hidden=96", "seq_len=32", f"batch={','.join(map(str, BATCHES))}",
    "split.examples=64", "inputs.rivals=null", "executor.rivals=null",
    "protocol=quick", "protocol.sessions=6", "protocol.rounds=4",
)  # fmt: skip
WAYS = ("kill the command", "end the command", "interrupt the command", "kill a worker", "kill both")
KILLS = 20
LATEST_S = 6.0  # after a moment that is the start, a cell's beginning, or the beginning of its sessions
SINCE = (None, "cell", "session-*", "session-*")  # of one turn after the other: what the moment is, by its folder


@dataclass(frozen=True, slots=True)
class Sweep:
    """A running sweep in the test's folder."""

    process: subprocess.Popen[bytes]

    def workers(self) -> list[psutil.Process]:
        try:
            children = psutil.Process(self.process.pid).children()
        except psutil.NoSuchProcess:
            return []
        return [child for child in children if _is_worker(child)]

    def end(self, way: str) -> None:
        workers = self.workers() if way in ("kill a worker", "kill both") else []
        for worker in workers:
            with_no_process(worker.kill)
        sent = {"kill the command": signal.SIGKILL, "end the command": signal.SIGTERM,
                "interrupt the command": signal.SIGINT, "kill both": signal.SIGKILL}.get(way)  # fmt: skip
        if sent is not None:
            self.process.send_signal(sent)


def with_no_process(act: Any) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        act()


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "ace.measure.worker" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def started(folder: Path, environment: dict[str, str]) -> Sweep:
    return Sweep(
        subprocess.Popen(
            [sys.executable, str(REPOSITORY / "launch.py"), *SWEEP],
            cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=_may_be_interrupted,
        )
    )  # fmt: skip


def _may_be_interrupted() -> None:
    """A command in the background of a script ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_for(what: str | None, folder: Path, sweep: Sweep) -> None:
    """Until the sweep's own process has begun a cell and, in it, `what`; or until it has ended."""
    deadline = time.monotonic() + 200
    while what is not None and time.monotonic() < deadline and sweep.process.poll() is None:
        for file in (folder / "mlruns" / "work").glob(f"*/{BEGUN}"):
            with contextlib.suppress(OSError, ValueError):  # it is being moved
                own = json.loads(file.read_text())["by"]["pid"] == sweep.process.pid
                if own and (what == "cell" or any(not (s / HEARD).exists() for s in file.parent.glob(what))):
                    return
        time.sleep(0.1)


def heard(folder: Path) -> dict[tuple[int, float], Session]:
    """Sessions that lie in folders of attempts, by batch and start."""
    found = {}
    for file in (folder / "mlruns" / "work").glob(f"*/session-*/{HEARD}"):
        session = decode(Answer, json.loads(file.read_text())).session
        batch = json.loads((file.parent / "order.json").read_text())["plan"]["shape"]["batch"]
        if session is not None:
            found[batch, session.started_at] = session
    return found


def stored(folder: Path) -> tuple[StoredCell, ...]:
    return read_evidence(open_existing_store(None, folder / "mlruns"), "token_pruning").cells


def whole(cells: tuple[StoredCell, ...]) -> list[StoredCell]:
    """Attempts with all of their sessions and no failure."""
    return [c for c in cells if c.record is not None and len(c.record.sessions) == 6 and not c.record.failures]


def test_a_sweep_that_is_ended_twenty_times_has_every_cell_once_and_every_timing_that_was_heard(
    tmp_path: Path, user_environment: dict[str, str], decide: Command
) -> None:
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    for folder in (killed, undisturbed):
        folder.mkdir()
    chance, seen = random.Random(0), {}
    for turn in range(KILLS):
        sweep = started(killed, user_environment)
        _wait_for(SINCE[turn % len(SINCE)], killed, sweep)
        time.sleep(chance.uniform(0.0, LATEST_S))
        way = WAYS[turn % len(WAYS)]
        sweep.end(way)
        if way == "kill a worker":  # the sweep goes on with the next session: it is ended as well, a little later
            time.sleep(chance.uniform(0.0, 3.0))
            sweep.end("end the command")
        sweep.process.wait(60)
        seen |= heard(killed)
    # 1: a session whose worker was killed is a failure of its attempt, and the cell is measured by the next command
    ended = [started(killed, user_environment).process.wait(900) for _ in range(2)]
    assert ended in ([0, 0], [1, 0])
    assert started(undisturbed, user_environment).process.wait(900) == 0

    cells = stored(killed)
    assert "RUNNING" not in {c.status for c in cells}
    kept = {
        (c.record.plan.shape.batch, s.started_at): s for c in cells if c.record is not None for s in c.record.sessions
    }
    assert len(seen) > 6, "too few sessions were ever interrupted for this test to mean anything"
    lost = {key for key, session in seen.items() if key not in kept or kept[key].timings != session.timings}
    assert lost == set()
    measured = Counter((c.record.plan.shape.batch, c.record.plan.seed) for c in whole(cells) if c.record)
    assert set(measured.values()) == {1}, measured  # by seed: a cell in doubt is measured once more, under another
    assert {batch for batch, seed in measured if seed == 0} == set(BATCHES)

    answers = {}
    for folder in (killed, undisturbed):
        judged = decide("--experiment", "token_pruning", "--json", cwd=folder)
        assert judged.returncode == 0, judged.stderr
        answers[folder] = {cell["cell"]: cell for cell in json.loads(judged.stdout)["cells"]}
    assert set(answers[killed]) == set(answers[undisturbed])
    for name, one in answers[killed].items():
        other = answers[undisturbed][name]
        assert one["low"] <= other["high"], (one, other)
        assert other["low"] <= one["high"], (one, other)
    assert not list((killed / "mlruns" / "work").glob(f"*/session-*/{HEARD}")), "a finished cell's folder is removed"
