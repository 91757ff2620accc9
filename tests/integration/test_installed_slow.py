"""What a user installs: the sdist, the wheel made from it, and the commands in an environment that has nothing of this
repository. Libraries are those already installed here, so that nothing is downloaded."""

import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.integration.conftest import REPOSITORY
from tests.integration.packaged import run
from tests.unit.report.bundles import written

pytestmark = pytest.mark.slow
HALVE = '''
import copy

from torch import nn


class EverySecond(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.inner = copy.deepcopy(model)

    def forward(self, ids, mask):
        return self.inner(ids[:, ::2], mask[:, ::2])


class Halve:
    def prepare(self, model, example):
        return EverySecond(model)
'''


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a fresh environment that has this wheel."""
    folder = tmp_path_factory.mktemp("fresh") / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    site = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    Path(site, "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")  # .pth files there are not followed
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python")
    # dependencies are looked for among the libraries: one that the wheel forgot to declare, or cannot have, fails here
    done = run(*pip, "install", "--no-index", "--quiet", wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of a user's own: an idea, its YAML, no checkout."""
    (tmp_path / "mypkg").mkdir()
    (tmp_path / "mypkg" / "halve.py").write_text(HALVE)
    (tmp_path / "my_conf" / "executor").mkdir(parents=True)
    (tmp_path / "my_conf" / "executor" / "halve.yaml").write_text("_target_: mypkg.halve.Halve\n")
    return tmp_path


def test_the_wheel_holds_the_package_its_configuration_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "ace").rglob("*.*")}
    sources |= {f"ace/{path.relative_to(REPOSITORY).as_posix()}" for path in (REPOSITORY / "conf").rglob("*.*")}
    sources = {name for name in sources if "__pycache__" not in name}
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == sources
    assert {"ace/py.typed", "ace/conf/config.yaml", "ace/report/report.html"} <= inside


def test_the_installed_package_is_the_one_that_runs(commands: Path, tmp_path: Path) -> None:
    asked = "import ace, ace.conf; from importlib.metadata import distribution as d; print(ace.__file__); " \
            "print(ace.conf.__file__); print(d('ace').locate_file(''))"  # fmt: skip
    done = run(commands / "python", "-c", asked, cwd=tmp_path)
    assert all(line.startswith(str(commands.parent)) for line in done.stdout.splitlines()), done.stdout
    assert len(done.stdout.splitlines()) == 3


def test_every_command_is_installed_and_says_what_it_is_for(commands: Path, tmp_path: Path) -> None:
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for name in scripts:
        done = run(commands / name, "--help", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), (name, done.stderr)
        assert done.stdout
    assert list(tmp_path.iterdir()) == []  # asking leaves nothing behind


def test_an_idea_and_its_yaml_in_a_folder_of_ones_own_are_composed(commands: Path, place: Path) -> None:
    done = run(commands / "ace-launch", "--config-dir", "my_conf", "executor=halve", "--cfg", "job", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "_target_: mypkg.halve.Halve" in done.stdout
    assert "_target_: ace.models.minilm.load" in done.stdout


@pytest.mark.parametrize(("engine", "setting"), [("joblib", "n_jobs: -1"), ("slurm", "array_parallelism: 64")])
def test_engines_are_chosen_by_the_same_words_as_in_a_checkout(
    engine: str, setting: str, commands: Path, place: Path
) -> None:
    shown = ("--cfg", "hydra", "--package", "hydra.launcher")
    done = run(commands / "ace-launch", f"hydra/launcher={engine}", *shown, cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert setting in done.stdout


def test_a_dry_run_of_it_says_what_would_be_measured_and_writes_no_store(commands: Path, place: Path) -> None:
    asked = ("executor=halve", "seq_len=32,64", "experiment.name=halve", "dry_run=true")
    done = run(commands / "ace-launch", "-m", "--config-dir", "my_conf", *asked, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "measure  64x1 development Halve() on minilm" in done.stdout
    assert "2 of 2 cells would be measured" in done.stdout
    assert not (place / "mlruns").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [("batch=0", "batch=0 is refused"), ("executor._target_=mypkg.halve.Quarter", "Quarter")],
)
def test_what_cannot_run_is_refused_there_as_in_a_checkout(
    override: str, said: str, commands: Path, place: Path
) -> None:
    done = run(commands / "ace-launch", "--config-dir", "my_conf", "executor=halve", override, cwd=place)
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_yaml_that_a_packaged_one_hides_is_refused(commands: Path, place: Path) -> None:
    (place / "my_conf" / "executor" / "identity.yaml").write_text("_target_: mypkg.halve.Halve\n")
    done = run(commands / "ace-launch", "--config-dir", "my_conf", cwd=place)
    assert done.returncode == 1
    assert "is shadowed by ACE's own executor/identity.yaml" in done.stdout


SMALL = (
    "model=encoder", "hidden=32", "depth=1", "seq_len=8", "split.examples=64", "inputs.rivals=null",
    "protocol.sessions=2", "protocol.rounds=2", "protocol.warmup_rounds=1", "experiment.name=halve",
)  # fmt: skip


def test_the_first_sweep_and_decision_are_made_of_the_wheel_alone(commands: Path, place: Path) -> None:
    sweep = ("-m", "--config-dir", "my_conf", "executor=halve", "batch=1,2", *SMALL)
    done = run(commands / "ace-launch", *sweep, cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(commands / "ace-decide", "--experiment", "halve", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ace-launch" in done.stdout  # what is to be run next can be run here
    assert "launch.py" not in done.stdout
    done = run(commands / "ace-verify", "decisions/halve", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    # an idea of one's own is found by every command that reads its sources, and refused for what was measured of it
    done = run(commands / "ace-freeze", "--experiment", "halve", "--allow-dirty", cwd=place)
    assert done.returncode == 2
    assert "not registered: " in done.stderr
    assert "on the path" not in done.stderr


def test_a_bundle_is_verified_where_nothing_but_the_wheel_is_installed(commands: Path, place: Path) -> None:
    written(place / "bundle")
    done = run(commands / "ace-verify", "bundle", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("VERIFIED: ")


def test_nothing_recorded_is_one_line_of_the_installed_command_too(commands: Path, place: Path) -> None:
    done = run(commands / "ace-decide", "--experiment", "halve", cwd=place)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
