import hashlib
import os
import sys
from pathlib import Path

import pytest

from ace.domain.plan import ExecutorSpec
from ace.errors import PlanError
from ace.executors import loading
from ace.executors.loading import load_executor, source_digest
from ace.executors.token_pruning import TokenPruning

PRUNING = "ace.executors.token_pruning.TokenPruning"

USERS_OWN = """
class Halve:
    def __init__(self, step, *, offset=0):
        if step < 1:
            raise ValueError("step is too small")
        self.step, self.offset = step, offset
    def prepare(self, model, example):
        return model

class Anything:
    def __init__(self, **options):
        self.options = options
    def prepare(self, model, example):
        return model

class Nothing:
    pass
"""


@pytest.fixture
def users_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "users_own_package"
    (package / "deeper").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "ideas.py").write_text(USERS_OWN)
    (package / "deeper" / "__init__.py").write_text("import package_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for name in [name for name in sys.modules if name.startswith("users_own")]:
        del sys.modules[name]


def refusal(target: str, *parameters: tuple[str, object]) -> str:
    with pytest.raises(PlanError) as caught:
        load_executor(ExecutorSpec(target, parameters))
    return str(caught.value)


def test_tuples_arrive_where_lists_were_written():
    executor = load_executor(ExecutorSpec(PRUNING, (("keep_ratio", 0.6), ("prune_at", (0.2, 0.8)))))
    assert isinstance(executor, TokenPruning)
    assert executor.schedule.prune_at == (0.2, 0.8)


@pytest.mark.usefixtures("users_package")
def test_an_executor_of_the_users_own_package_is_constructed():
    executor = load_executor(ExecutorSpec("users_own_package.ideas.Halve", (("offset", 1), ("step", 2))))
    assert (executor.step, executor.offset) == (2, 1)


@pytest.mark.usefixtures("users_package")
def test_a_constructor_that_takes_anything_is_given_anything():
    executor = load_executor(ExecutorSpec("users_own_package.ideas.Anything", (("whatever", 1),)))
    assert executor.options == {"whatever": 1}


def test_an_unknown_argument_is_refused_by_its_key_with_what_the_constructor_takes():
    text = refusal(PRUNING, ("keep", 0.7))
    assert text.startswith("executor.keep=0.7 is refused")
    assert "TokenPruning(keep_ratio: float = 0.7" in text


@pytest.mark.usefixtures("users_package")
def test_a_missing_argument_is_named_with_what_the_constructor_takes():
    text = refusal("users_own_package.ideas.Halve")
    assert text.startswith("executor.step is missing")
    assert "Halve(step, *, offset=0)" in text


@pytest.mark.usefixtures("users_package")
def test_what_a_constructor_objects_to_is_passed_on():
    assert "step is too small" in refusal("users_own_package.ideas.Halve", ("step", 0))


def test_a_value_that_is_out_of_range_is_refused_by_its_key():
    assert refusal(PRUNING, ("keep_ratio", 1.2)).startswith("executor.keep_ratio=1.2 is refused")


@pytest.mark.usefixtures("users_package")
@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("no_such_package.Halve", "No module named 'no_such_package'"),
        ("users_own_package.no_such_module.Halve", "No module named"),
        ("users_own_package.ideas.Quarter", "has no attribute 'Quarter'"),
        ("users_own_package.deeper.Halve", "No module named 'package_that_is_not_there'"),
        ("users_own_package.ideas.Nothing", "no method prepare"),
        ("users_own_package.ideas.__name__", "allowed: a class"),
    ],
)
def test_a_target_that_is_no_executor_is_refused_with_the_reason(target, why):
    text = refusal(target)
    assert text.startswith(f"executor._target_={target} is refused")
    assert why in text


def test_the_source_digest_sees_every_file_of_the_package_and_nothing_else(users_package: Path):
    digest = source_digest("users_own_package.ideas.Halve")
    (users_package.parent / "notes.txt").write_text("not of the package")
    assert source_digest("users_own_package.deeper.Other") == digest
    (users_package / "deeper" / "new.py").write_text("")
    changed = source_digest("users_own_package.ideas.Halve")
    assert changed != digest
    (users_package / "deeper" / "new.py").rename(users_package / "new.py")
    assert source_digest("users_own_package.ideas.Halve") not in (digest, changed)


@pytest.mark.parametrize("name", ["params.json", "deeper/table.bin", "deeper/nothing", "na\udcefve.txt"])
def test_a_file_that_an_idea_may_read_is_part_of_its_sources(users_package: Path, name: str):
    seen = [source_digest("users_own_package.ideas.Halve")]
    for content in (b"1", b"2"):
        (users_package / name).write_bytes(content)
        seen.append(source_digest("users_own_package.ideas.Halve"))
    assert len(set(seen)) == 3


def test_what_is_compiled_hidden_or_elsewhere_is_no_part_of_its_sources(users_package: Path):
    digest = source_digest("users_own_package.ideas.Halve")
    outside = users_package.parent / "outside"
    for name in ("__pycache__/a.txt", "deeper/a.pyc", ".git/config", "deeper/.hidden.json", "../outside/params.json"):
        (users_package / name).parent.mkdir(exist_ok=True)
        (users_package / name).write_text("{}")
    (users_package / "params.json").symlink_to(outside / "params.json")
    (users_package / "outside").symlink_to(outside)
    (users_package / ".#ideas.py").symlink_to("of an editor, to nothing")
    os.mkfifo(users_package / "pipe")
    assert source_digest("users_own_package.ideas.Halve") == digest
    (users_package / "inside.txt").symlink_to(users_package / "deeper" / ".hidden.json")
    assert source_digest("users_own_package.ideas.Halve") != digest


def test_a_package_of_nothing_but_py_files_keeps_the_digest_that_was_registered(users_package: Path):
    (users_package / ".hidden").mkdir()
    (users_package / ".hidden" / "idea.py").write_text("1")
    named = {file.relative_to(users_package).as_posix(): file.read_bytes() for file in users_package.rglob("*.py")}
    assert len(named) == 4
    lines = [f"{name}\0{hashlib.sha256(named[name]).hexdigest()}\n" for name in sorted(named)]
    assert source_digest("users_own_package.ideas.Halve") == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_of_ace_itself_the_py_files_alone_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "ace").mkdir()
    (tmp_path / "ace" / "__init__.py").write_text("")
    monkeypatch.setattr(loading.util, "find_spec", lambda _: _Found([str(tmp_path / "ace")]))
    digest = source_digest("ace.cell")
    (tmp_path / "ace" / "notes.txt").write_text("")
    assert source_digest("ace.cell") == digest
    (tmp_path / "ace" / "new.py").write_text("")
    assert source_digest("ace.cell") != digest


class _Found:
    def __init__(self, folders: list[str]) -> None:
        self.submodule_search_locations = folders


@pytest.mark.parametrize(("limit", "most"), [("MOST_FILES", 3), ("MOST_BYTES", 4096)])
def test_a_package_that_holds_its_data_is_refused(
    users_package: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
):
    monkeypatch.setattr(loading, limit, most)
    source_digest("users_own_package.ideas.Halve")
    (users_package / "data.bin").write_bytes(bytes(4096))
    with pytest.raises(PlanError, match=r"package users_own_package is refused: .*keep data outside of the package"):
        source_digest("users_own_package.ideas.Halve")


@pytest.mark.usefixtures("users_package")
def test_taking_a_source_digest_imports_nothing():
    source_digest("users_own_package.ideas.Halve")
    assert "users_own_package" not in sys.modules


def test_the_digest_of_a_single_module_is_that_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "users_own_module.py").write_text(USERS_OWN)
    (tmp_path / "unrelated.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    digest = source_digest("users_own_module.Halve")
    (tmp_path / "unrelated.py").write_text("changed = 1")
    assert source_digest("users_own_module.Halve") == digest
    (tmp_path / "users_own_module.py").write_text(USERS_OWN + "\n")
    assert source_digest("users_own_module.Halve") != digest


@pytest.mark.parametrize("target", ["no_such_package.Halve", "sys.Halve"])
def test_a_package_without_source_is_refused(target):
    with pytest.raises(PlanError, match="no package or module"):
        source_digest(target)
