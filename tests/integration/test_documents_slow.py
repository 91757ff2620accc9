"""The commands of README and CONTRIBUTING, run as written, with cells made small."""

import re
import shlex
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.integration.conftest import REPOSITORY, Command

pytestmark = pytest.mark.slow
TINY = ("split.examples=64", "protocol.sessions=2", "protocol.rounds=2", "protocol.warmup_rounds=1")
UNCOMPILED = "inputs.rivals=null"  # the compiled rival takes some 20 s for each new shape
ALONE = "executor.rivals=null"  # and the others two processes more for each of nine cells
SMALL = ("model=encoder", "depth=1", "hidden=96")  # README's lengths and batches take minutes on the real model


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of one language, "" for those of none, in their order."""
    text = (REPOSITORY / document).read_text()
    fenced = re.findall(r"^ *```([a-z]*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [block for named, block in fenced if named == language]


def commands(document: str) -> list[list[str]]:
    lines = [line for block in blocks(document, "") for line in block.splitlines()]
    found = [shlex.split(line, comments=True) for line in lines]
    return [command for command in found if command]


def dedented(block: str) -> str:
    lines = block.splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[margin:] for line in lines) + "\n"


def run(command: list[str], cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)


def test_the_commands_of_the_readme_work_as_written(
    tmp_path: Path, user_environment: dict[str, str], launch: Command
) -> None:
    (idea, *_), folder = blocks("CONTRIBUTING.md", "python"), tmp_path
    (folder / "mypkg.py").write_text(dedented(idea))
    seen = set()
    for command in commands("README.md"):
        seen.add(command[0])
        if "split=holdout" in command:
            done = launch(*command[2:])
            assert done.returncode == 1
            assert "split=holdout is sealed" in done.stdout
            continue
        if command[:2] == ["python", "launch.py"]:
            done = launch(*command[2:], *TINY, UNCOMPILED, ALONE, *SMALL)
        elif command[0] in ("ace-launch", "ace-calibrate"):
            done = run([*command, *TINY, UNCOMPILED, *SMALL], folder, user_environment)
        elif command[0] == "ace-freeze":
            done = run(command, folder, user_environment)
            assert done.returncode == 2, "two sessions on 64 documents are no evidence that could be registered"
            assert "not registered:" in done.stderr
            continue
        elif command[0] in ("ace-decide", "ace-doctor", "ace-verify"):
            done = run(command, folder, user_environment)
        elif command[:2] == ["mlflow", "ui"]:
            _serves(command, folder, user_environment)
            continue
        else:
            assert command[0] == "make", f"README shows {command}, which this test does not run"
            continue
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    ours = {f"ace-{name}" for name in ("launch", "decide", "calibrate", "doctor", "freeze", "verify")}
    assert seen >= {"python", "mlflow", "make", *ours}


def test_a_new_executor_by_the_letter_of_contributing(tmp_path: Path, user_environment: dict[str, str]) -> None:
    (idea, *_), (configuration, *_) = blocks("CONTRIBUTING.md", "python"), blocks("CONTRIBUTING.md", "yaml")
    (tmp_path / "mypkg").mkdir()
    (tmp_path / "mypkg" / "halve.py").write_text(dedented(idea))
    (tmp_path / "my_conf" / "executor").mkdir(parents=True)
    (tmp_path / "my_conf" / "executor" / "halve.yaml").write_text(dedented(configuration))
    launch_command, decide_command = commands("CONTRIBUTING.md")
    done = run([*launch_command, *TINY], tmp_path, user_environment)
    assert done.returncode == 0, done.stdout + done.stderr
    judged = run(decide_command, tmp_path, user_environment)
    assert judged.returncode == 0, judged.stderr
    assert "Halve" in judged.stdout


REVIEWS = """
import numpy as np
from ace.benchmarks.documents import Documents

def _made(spec, seq_len, first):
    ids = 2000 + np.arange(first, first + 64)[:, None] + 100 * np.arange(seq_len)
    ids[:, 0], ids[:, -1] = 101, 102
    return Documents(ids, np.ones_like(ids), np.arange(64) % 2, ("bad", "good"), ())

def test(spec, seq_len, seed, cache_dir):
    return _made(spec, seq_len, 0)

def train(spec, seq_len, seed, cache_dir):
    return _made(spec, seq_len, FIRST)
"""


def test_a_new_benchmark_by_the_letter_of_contributing_and_one_that_overlaps_development(
    tmp_path: Path, user_environment: dict[str, str]
) -> None:
    (configuration,) = [block for block in blocks("CONTRIBUTING.md", "yaml") if "benchmark:" in block]
    (tmp_path / "mypkg").mkdir()
    (tmp_path / "my_conf" / "split").mkdir(parents=True)
    (tmp_path / "my_conf" / "split" / "reviews_validation.yaml").write_text(dedented(configuration))
    command = ["ace-launch", "--config-dir", "my_conf", "split=reviews_validation", "seq_len=16", *TINY, UNCOMPILED]
    (tmp_path / "mypkg" / "reviews.py").write_text(REVIEWS.replace("FIRST", "64"))
    done = run(command, tmp_path, user_environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "mypkg" / "reviews.py").write_text(REVIEWS.replace("FIRST", "60"))
    refused = run(command, tmp_path, user_environment)
    assert refused.returncode == 1
    assert "4 of its 64 documents are also in split.development=mypkg.reviews.train" in refused.stdout


def _serves(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [*command, "--port", str(port)], cwd=folder, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                    assert answer.status == 200
                    return
            except OSError:
                assert time.monotonic() < deadline, "the MLflow UI did not come up"
                time.sleep(1)
    finally:
        subprocess.run(["pkill", "-KILL", "-s", str(server.pid)], check=False)
        server.wait(30)
