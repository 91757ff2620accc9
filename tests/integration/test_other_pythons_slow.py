"""The wheel on every other Python that this machine has: one store is judged to one bundle, whatever the interpreter.

Without torch, which measuring needs and judging does not: its wheel for another Python may be a CUDA build of several
GB. Measuring there is the whole suite's, run by hand (`make test PYTHON=python3.12`).
"""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import recorded
from tests.integration.conftest import REPOSITORY
from tests.integration.packaged import run

pytestmark = pytest.mark.slow
OTHERS = [version for version in ("3.11", "3.12", "3.13") if version != "{}.{}".format(*sys.version_info)]
IMPORTED = REPOSITORY / "tests" / "data" / "pyperf.json"
JUDGE = ("ace-decide", "--experiment", recorded.EXPERIMENT)


def interpreters(version: str) -> Iterator[str]:
    """By its name on the path, and where pyenv keeps what its shim on the path need not run."""
    yield f"python{version}"
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(root.glob(f"versions/{version}.*/bin/python")))


def found(version: str) -> str:
    for interpreter in interpreters(version):
        try:
            subprocess.run([interpreter, "-c", "import venv"], check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.CalledProcessError):
            continue
        return interpreter
    pytest.skip(f"this machine has no Python {version}")


@pytest.fixture(scope="module", params=OTHERS)
def commands(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a fresh environment of another Python, with what the wheel asks for but torch."""
    folder = tmp_path_factory.mktemp("other") / "environment"
    asked = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    libraries = [name for name in asked if not name.startswith("torch")]
    pip = (folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    for step in (
        (found(request.param), "-m", "venv", folder),
        (*pip, "--constraint", REPOSITORY / "constraints.txt", *libraries),
        (*pip, "--no-deps", wheel),
    ):
        done = run(*step, cwd=folder.parent, timeout_s=600)
        assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a store with twenty recorded cells."""
    folder = tmp_path_factory.mktemp("store")
    recorded.fill(folder, 20)
    return folder


def contents(bundle: Path) -> dict[str, bytes]:
    return {file.relative_to(bundle).as_posix(): file.read_bytes() for file in bundle.rglob("*") if file.is_file()}


def test_another_python_judges_one_store_to_the_same_bundle_and_verifies_what_this_one_wrote(
    commands: Path, root: Path, tmp_path: Path
) -> None:
    for bin_folder, output in ((Path(sys.executable).parent, "here"), (commands, "there")):
        done = run(bin_folder / JUDGE[0], *JUDGE[1:], f"tracking.root={root}", "--output", output, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    done = run(commands / "ace-verify", "here", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("VERIFIED: ")


def test_timings_of_another_tool_are_imported_there_and_judged(commands: Path, tmp_path: Path) -> None:
    for step in (("ace-import", IMPORTED, "--format", "pyperf"), ("ace-decide",)):
        done = run(commands / step[0], *step[1:], "--experiment", "elsewhere", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "blocked order" in done.stdout
