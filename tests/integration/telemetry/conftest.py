import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.telemetry.board import Board

SOURCE = Path(__file__).with_name("fake_nvml.c")


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Builds the fake library with the given C definitions; each build is a library, and a state, of its own."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build the fake NVML with")
    folder, made = tmp_path_factory.mktemp("nvml"), {}

    def compile_with(*definitions):
        if definitions not in made:
            path = folder / f"libfake{len(made)}.so"
            flags = [f"-D{name}" for name in definitions]
            command = [compiler, "-O2", "-shared", "-fPIC", *flags, "-o", str(path), str(SOURCE), "-lm"]
            subprocess.run(command, check=True, capture_output=True)
            made[definitions] = path
        return str(made[definitions])

    return compile_with


@pytest.fixture
def board(build):
    return Board(build())
