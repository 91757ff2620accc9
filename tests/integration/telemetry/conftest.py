import shutil

import pytest

from tests.integration.telemetry.board import Board, compiled


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Builds the fake library with the given C definitions; each build is a library, and a state, of its own."""
    if (shutil.which("cc") or shutil.which("gcc")) is None:
        pytest.skip("no C compiler to build the fake NVML with")
    folder, made = tmp_path_factory.mktemp("nvml"), {}

    def compile_with(*definitions):
        if definitions not in made:
            made[definitions] = compiled(folder / f"libfake{len(made)}.so", definitions)
        return made[definitions]

    return compile_with


@pytest.fixture
def board(build):
    return Board(build())
