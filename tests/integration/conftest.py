"""The commands as a user runs them: a folder of their own, a store of their own, one cache for all."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.packaged import wheel_of
from tests.integration.serving import Served, mlflow_server, postgres

MEASURING = ("test_commands", "test_compiled_ahead", "test_instrument_commands", "test_measuring", "test_peak")
"""Modules whose tests measure in processes: one at a time, and beside nothing but tests that do not."""
REPOSITORY = Path(__file__).resolve().parents[2]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.hookimpl(tryfirst=True)  # before the names that tests are shared out by are made
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where two workers share the suite, all that measures goes to one of them."""
    for item in items:
        if item.path.stem in MEASURING:
            item.add_marker(pytest.mark.xdist_group("measuring"))


@pytest.fixture(scope="session")
def user_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    cache = tmp_path_factory.mktemp("cache")
    own = {"ACE_CACHE_DIR": str(cache), "ACE_DEVICE_LOCKS": str(cache)}  # what measures beside us is our own business
    return {**os.environ, **own, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture
def launch(tmp_path: Path, user_environment: dict[str, str]) -> Command:
    """Run launch.py with these overrides in a folder of the test's own."""

    def run(*overrides: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(REPOSITORY / "launch.py"), *overrides],
            cwd=cwd, env=user_environment, capture_output=True, text=True, timeout=900,
        )  # fmt: skip

    return run


@pytest.fixture
def decide(tmp_path: Path, user_environment: dict[str, str]) -> Command:
    """Run ace-decide in the same folder."""

    def run(*arguments: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ace-decide", *arguments], cwd=cwd, env=user_environment, capture_output=True, text=True, timeout=300
        )

    return run


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_of(REPOSITORY, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An MLflow server before PostgreSQL, both started for the slow tests that write to one."""
    with postgres() as database, mlflow_server(tmp_path_factory.mktemp("server"), database) as server:
        yield server
