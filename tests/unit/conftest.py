"""A whole bundle for the tests that alter one."""

from pathlib import Path

import pytest

from tests.unit.report.bundles import copied, written


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean") / "bundle"
    written(folder)
    return folder


@pytest.fixture
def bundle(clean: Path, tmp_path: Path) -> Path:
    return copied(clean, tmp_path / "bundle")
