"""Every command that a page shows is one that its program takes: options, choices and packaged configuration exist."""

import ast
import re
import shlex
import textwrap
from argparse import ArgumentParser
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ace import wiring
from ace.cli import calibrate, decide, freeze, importing, verify
from ace.domain.workload import Batch, Work
from tests.fenced import REPOSITORY, blocks, commands

FILES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])
PAGES = [str(path.relative_to(REPOSITORY)) for path in FILES]
PARSERS: dict[str, Callable[[], ArgumentParser]] = {
    "ace-decide": decide.parser,
    "ace-freeze": freeze.parser,
    "ace-verify": verify.parser,
    "ace-calibrate": calibrate.parser,
    "ace-import": importing.parser,
}
LAUNCHES = (["ace-launch"], ["python", "launch.py"])
OTHERS = ("make", "mlflow", "ace-doctor")  # make's targets are looked up beside links; these two take what is shown
SHOWN = [(page, command) for page in PAGES for command in commands(page)]


def refused(command: list[str]) -> str | None:
    """What is wrong with a command, without running it."""
    name = command[0]
    if command[:2] == ["python", "-c"]:
        ast.parse(command[2])
        return None
    if command[:2] == ["python", "-m"]:
        return None if find_spec(command[2]) else f"there is no module {command[2]}"
    if name in OTHERS:
        return None
    if name in PARSERS:
        try:
            given = PARSERS[name]().parse_intermixed_args(before_redirection(command[1:]))
        except SystemExit:
            return "its parser refuses it"
        return composed(getattr(given, "overrides", []))
    for start in LAUNCHES:
        if command[: len(start)] == start:
            return composed(first_job(command[len(start) :]))
    return "no test knows this program"


def before_redirection(arguments: list[str]) -> list[str]:
    return arguments[: arguments.index(">")] if ">" in arguments else arguments


def first_job(arguments: list[str]) -> list[str]:
    """The overrides of the first job of a sweep, without Hydra's own switches; what `my_conf` holds is the reader's."""
    found, waiting = [], iter(arguments)
    mine = "--config-dir" in arguments
    for argument in waiting:
        if argument == "--config-dir":
            next(waiting)
        elif argument not in ("-m", "--multirun"):
            key, _, value = argument.partition("=")
            first = value if value.startswith("[") else value.split(",")[0]
            if not (mine and key in ("executor", "model", "split")):
                found.append(f"{key}={first}")
    return found


def composed(overrides: list[str]) -> str | None:
    given = [o for o in overrides if not o.startswith("hydra.searchpath")]
    if len(given) < len(overrides):  # the group's file is the reader's
        given = [o for o in given if "." in o.partition("=")[0]]
    try:
        wiring.compose_config(given)
    except Exception as error:
        return str(error)
    return None


@pytest.mark.parametrize(("page", "command"), SHOWN, ids=[f"{page}: {' '.join(c)}"[:70] for page, c in SHOWN])
def test_a_command_that_a_page_shows_is_taken_by_its_program(page: str, command: list[str]) -> None:
    assert refused(command) is None


def launches_of_clusters() -> list[list[str]]:
    """What docs/clusters.md shows and a test of every command cannot run: it takes a cluster, or minutes."""
    lines = [line for block in blocks("docs/clusters.md", "sh") for line in block.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("python launch.py")]


def test_the_launches_shown_for_engines_are_composed_with_the_settings_that_these_have() -> None:
    assert [next(o for o in command if o.startswith("hydra/launcher=")) for command in launches_of_clusters()] == [
        f"hydra/launcher={engine}" for engine in ("joblib", "submitit_local", "slurm")
    ]
    assert [refused(command) for command in launches_of_clusters()] == [None, None, None]
    assert "n_job" in (refused(["python", "launch.py", "hydra/launcher=joblib", "hydra.launcher.n_job=2"]) or "")


def test_what_the_first_idea_declares_is_half_of_its_tokens_in_every_layer_of_the_default_model() -> None:
    idea, declaring = blocks("docs/first-idea.md", "python")
    written: dict[str, Any] = {"Work": Work}
    exec(idea + textwrap.indent(declaring, "    "), written)
    said = written["Halve"]().declares(Batch(torch.ones(1, 64, dtype=torch.int64), torch.ones(1, 64)))
    assert said == Work(tokens_per_layer=(32,) * wiring.compose_config([]).depth)


def test_a_command_that_no_program_takes_is_seen() -> None:
    assert refused(["ace-decide", "--experiment", "x", "--require", "GOOD"]) == "its parser refuses it"
    assert "seqlen" in (refused(["ace-launch", "seqlen=64"]) or "")
    assert refused(["ace-guess"]) == "no test knows this program"


def steps() -> list[list[str]]:
    """The commands of the workflow in docs/ci.md that are ACE's."""
    (workflow,) = [yaml.safe_load(block) for block in blocks("docs/ci.md", "yaml")]
    scripts = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    lines = [line for script in scripts for line in script.replace("${{ vars.HALVE_BUNDLE }}", "0" * 64).splitlines()]
    assert len([line for line in lines if line.startswith("pip")]) == 3
    return [shlex.split(line) for line in lines if line.startswith("ace-")]


def test_the_workflow_shown_for_a_ci_uses_options_that_exist() -> None:
    assert [command[0] for command in steps()] == ["ace-verify", "ace-launch", "ace-decide"]
    assert [refused(command) for command in steps()] == [None, None, None]


def test_the_files_that_the_workflow_installs_from_are_there() -> None:
    named = re.findall(r"ace-source/([\w.-]+\.txt)", blocks("docs/ci.md", "yaml")[0])
    assert {Path(name).name for name in named} == {"constraints.txt", "requirements-data.txt"}
    assert all((REPOSITORY / name).is_file() for name in named)


def test_the_table_of_exit_codes_says_what_each_command_says_of_itself() -> None:
    rows = re.findall(r"^\| `ace-(\w+)` \|(.*)\|$", (REPOSITORY / "docs" / "ci.md").read_text(encoding="utf-8"), re.M)
    scripts = re.findall(r'^ace-(\w+) = "([\w.]+):main"$', (REPOSITORY / "pyproject.toml").read_text(), re.M)
    assert sorted(name for name, _ in rows) == sorted(name for name, _ in scripts)
    modules = dict(scripts)
    for name, cells in rows:
        module = import_module(modules[name])
        said = f"{module.__doc__} {module.main.__doc__}"
        codes = set(re.findall(r"\b([012]|1\d\d)\b", said[re.search(r"[Ee]xit", said).start() :]))  # type: ignore[union-attr]
        columns = [cell.strip() for cell in cells.split("|")]
        shown = {str(code) for code, cell in enumerate(columns[:3]) if cell} | set(re.findall(r"\d+", columns[3]))
        assert shown == codes, name
