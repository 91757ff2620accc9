"""The commands of README and of the pages in docs/, run as written, with cells made small."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.fenced import REPOSITORY, blocks, commands
from tests.integration.conftest import Command

pytestmark = pytest.mark.slow
TINY = ("split.examples=64", "protocol.sessions=2", "protocol.rounds=2", "protocol.warmup_rounds=1")
UNCOMPILED = "inputs.rivals=null"  # the compiled rival takes some 20 s for each new shape
ALONE = "executor.rivals=null"  # and the others two processes more for each of nine cells
SMALL = ("model=encoder", "depth=1", "hidden=96")  # README's lengths and batches take minutes on the real model
RUN = {
    "README.md": "test_the_commands_of_the_readme_work_as_written",
    "docs/concepts.md": "test_the_commands_that_look_at_the_machine_work_as_written",
    "docs/policies.md": "test_the_commands_of_the_readme_work_as_written",
    "docs/first-idea.md": "test_a_first_idea_by_the_letter_of_its_page_and_what_a_ci_asks_of_it",
    "docs/ci.md": "test_a_first_idea_by_the_letter_of_its_page_and_what_a_ci_asks_of_it",
    "docs/clusters.md": "test_the_figures_of_a_cluster_come_from_commands_that_work_as_written",
    "docs/extending.md": "test_a_model_a_benchmark_and_a_policy_by_the_letter_of_the_page",
}
"""Where the commands of a page are run."""


def run(command: list[str], cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)


def test_every_page_with_commands_is_run_by_a_test() -> None:
    pages = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]
    assert {name for page in pages if commands(name := str(page.relative_to(REPOSITORY)))} == set(RUN)
    assert set(RUN.values()) <= set(globals())


def test_the_commands_of_the_readme_work_as_written(
    tmp_path: Path, user_environment: dict[str, str], launch: Command
) -> None:
    folder, seen = tmp_path, set()
    for command in [*commands("README.md"), *commands("docs/policies.md")]:
        seen.add(command[0])
        if "split=holdout" in command:
            done = launch(*command[2:])
            assert done.returncode == 1
            assert "split=holdout is sealed" in done.stdout
            continue
        if command[:2] == ["python", "launch.py"]:
            done = launch(*command[2:], *TINY, UNCOMPILED, ALONE, *SMALL)
        elif command[0] == "ace-freeze":
            done = run(command, folder, user_environment)
            assert done.returncode == 2, "two sessions on 64 documents are no evidence that could be registered"
            assert "not registered:" in done.stderr
            continue
        elif command[0] in ("ace-decide", "ace-verify"):
            done = run(command, folder, user_environment)
        elif command[:2] == ["mlflow", "ui"]:
            _serves(command, folder, user_environment)
            continue
        else:
            assert command[0] == "make", f"README shows {command}, which this test does not run"
            continue
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert seen >= {"python", "mlflow", "make", "ace-decide", "ace-freeze", "ace-verify"}


def test_the_commands_that_look_at_the_machine_work_as_written(
    tmp_path: Path, user_environment: dict[str, str]
) -> None:
    calibrate, doctor = commands("docs/concepts.md")
    done = run([*calibrate, *TINY, UNCOMPILED, *SMALL], tmp_path, user_environment)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = run(doctor, tmp_path, user_environment)
    assert seen.returncode == 0, seen.stdout
    assert "calibration" in seen.stdout


def write_first_idea(folder: Path) -> None:
    """The two files of docs/first-idea.md, where it says."""
    (idea, _), (configuration,) = blocks("docs/first-idea.md", "python"), blocks("docs/first-idea.md", "yaml")
    (folder / "mypkg").mkdir()
    (folder / "mypkg" / "halve.py").write_text(idea)
    (folder / "my_conf" / "executor").mkdir(parents=True)
    (folder / "my_conf" / "executor" / "halve.yaml").write_text(configuration)


def test_a_first_idea_by_the_letter_of_its_page_and_what_a_ci_asks_of_it(
    tmp_path: Path, user_environment: dict[str, str]
) -> None:
    write_first_idea(tmp_path)
    for command in commands("docs/first-idea.md"):
        small = (*TINY, UNCOMPILED) if command[0] == "ace-launch" else ()
        more = small if "executor=halve" in command or not small else (*small, ALONE)  # the page's idea names no rivals
        done = run([*command, *more], tmp_path, user_environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert "Halve" in run(["ace-decide", "--experiment", "halve"], tmp_path, user_environment).stdout
    verdict = json.loads((tmp_path / "decisions" / "halve" / "decision.json").read_text())["verdict"]
    assert not verdict.startswith("ACCEPTED"), "two sessions on 64 documents"
    for command in commands("docs/ci.md"):
        done = run(command, tmp_path, user_environment)
        denied = "--require" in command and verdict not in command[-1].split(",")
        assert done.returncode == int(denied), f"{command}\n{done.stdout}{done.stderr}"


def test_the_figures_of_a_cluster_come_from_commands_that_work_as_written(
    tmp_path: Path, user_environment: dict[str, str]
) -> None:
    """In a folder that is no checkout; the store is made a twentieth as large."""
    here = {**user_environment, "PYTHONPATH": str(REPOSITORY)}
    foresee, record, decide, tracking = commands("docs/clusters.md")
    foresee[:2] = [sys.executable, str(REPOSITORY / "launch.py")]
    for command in (foresee, [*record[:-1], "5"], decide, [*tracking[:-1], "2"]):
        command[0] = sys.executable if command[0] == "python" else command[0]
        done = run(command, tmp_path, here)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert (tmp_path / "mlruns" / "made_up" / "mlflow.db").is_file()
    assert "ms a cell" in done.stdout


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


def test_a_model_a_benchmark_and_a_policy_by_the_letter_of_the_page(
    tmp_path: Path, user_environment: dict[str, str]
) -> None:
    write_first_idea(tmp_path)
    (model,) = blocks("docs/extending.md", "python")
    (tmp_path / "mypkg" / "bag.py").write_text(model)
    named = {"model/bag": "positions:", "split/reviews_validation": "benchmark:"}
    for name, key in named.items():
        (configuration,) = [block for block in blocks("docs/extending.md", "yaml") if key in block]
        (tmp_path / "my_conf" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "my_conf" / f"{name}.yaml").write_text(configuration)
    (tmp_path / "my_conf" / "policy").mkdir()
    near_term = (REPOSITORY / "conf" / "policy" / "near_term.yaml").read_text()
    (tmp_path / "my_conf" / "policy" / "mine.yaml").write_text(near_term.replace("name: near_term", "name: mine"))
    (tmp_path / "mypkg" / "reviews.py").write_text(REVIEWS.replace("FIRST", "64"))
    launch_model, launch_split, decide = commands("docs/extending.md")
    for command in ([*launch_model, *TINY, UNCOMPILED], [*launch_split, *TINY, UNCOMPILED], decide):
        done = run(command, tmp_path, user_environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert json.loads((tmp_path / "decisions" / "bag" / "decision.json").read_text())["policy"]["name"] == "mine"

    (tmp_path / "mypkg" / "reviews.py").write_text(REVIEWS.replace("FIRST", "60"))
    refused = run([*launch_split, *TINY, UNCOMPILED], tmp_path, user_environment)
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
