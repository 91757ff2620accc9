"""pyproject.toml names every folder of the package by hand, since conf/ becomes ace.conf: none may be forgotten."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def packages(folder, name):
    for init in sorted((ROOT / folder).rglob("__init__.py")):
        yield ".".join((name, *init.parent.relative_to(ROOT / folder).parts))


def test_every_folder_with_sources_or_configuration_is_packaged():
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted([*packages("ace", "ace"), *packages("conf", "ace.conf")])


def test_no_source_or_configuration_lies_in_a_folder_that_is_no_package():
    for folder, pattern in (("ace", "*.py"), ("conf", "*.yaml")):
        lost = {path.parent for path in (ROOT / folder).rglob(pattern) if not (path.parent / "__init__.py").exists()}
        assert lost == set()


def test_every_kind_of_file_beside_the_sources_is_packaged():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    found = [path for folder in ("ace", "conf") for path in (ROOT / folder).rglob("*") if path.is_file()]
    data = [path for path in found if path.suffix not in (".py", ".pyc")]
    assert data
    assert [path for path in data if not any(path.match(pattern) for pattern in patterns)] == []
    assert ROOT / "ace" / "py.typed" in data
