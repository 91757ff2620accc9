"""The sdist and the wheel of a checkout, and commands run where nothing leads back to it."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

UNWANTED = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "mlruns", "multirun", "outputs", "decisions", "registrations"
)


def run(*command: str | Path, cwd: Path, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """With no path to this repository."""
    inherited = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = [str(part) for part in command]
    return subprocess.run(
        words, cwd=cwd, env=inherited, capture_output=True, text=True, timeout=timeout_s
    )  # fmt: skip


def wheel_of(repository: Path, folder: Path) -> Path:
    """Made from the sdist, so that the sdist is whole."""
    shutil.copytree(repository, folder / "source", ignore=UNWANTED)
    sdist = _build("sdist", folder / "source", folder / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    [source] = (folder / "unpacked").iterdir()
    return _build("wheel", source, folder / "wheel")


def _build(kind: str, source: Path, to: Path) -> Path:
    """What `pip wheel` and `python -m build` ask of the project's backend, without the environment they download."""
    to.mkdir()
    asked = f"import sys; from setuptools import build_meta; print(build_meta.build_{kind}(sys.argv[1]))"
    done = run(sys.executable, "-W", "ignore", "-c", asked, to, cwd=source)
    assert done.returncode == 0, done.stderr
    [made] = to.iterdir()
    return made
