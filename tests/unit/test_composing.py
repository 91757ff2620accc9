"""A job that is composed from what is remembered is the job that Hydra itself would compose."""

import copy
import subprocess
import sys
from collections.abc import Iterator

import cloudpickle
import pytest
from hydra import initialize_config_module
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ace.wiring.composing import SweepLoader, compose_once, loader_of

JOBS = (
    ["seq_len=16", "batch=1"],
    ["seq_len=32", "batch=1"],
    ["batch=1", "seq_len=32"],
    ["executor=truncation", "seq_len=16"],
    ["seq_len=16", "executor=token_merging", "executor.rivals=null"],
    ["executor.rivals=null", "inputs.rivals=null"],
    ["executor._target_=mypkg.Halve", "+executor.step=2"],
    ["executor.keep_ratio=0.5", "executor={keep_ratio:0.25}", "executor.score=cls"],
    ["+policy@other=strict", "seed=3"],
    ["~executor.rivals"],
    ["~telemetry", "seq_len=16"],
    ["model=encoder", "hidden=256", "depth=${seed}"],
    ["experiment='null'", "++seed=4", "+replicates=[1,2]"],
    [],
)
REFUSED = (["seqlen=64"], ["executor=halve"], ["+seed=1"], ["~nothing"], ["model@seed=encoder"], ["seq_len=1,2"])


@pytest.fixture(scope="module")
def hydra() -> Iterator[ConfigLoader]:
    with initialize_config_module("ace.conf", version_base="1.3", job_name="launch"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture(scope="module")
def sweep(hydra: ConfigLoader) -> DictConfig:
    """The configuration of a multirun, some of which is for Hydra itself."""
    asked = ["seq_len=16,32", "hydra.job.env_copy=[HOME]", "hydra.job.config.override_dirname.exclude_keys=[batch]"]
    return hydra.load_configuration("config", asked, RunMode.MULTIRUN)


@pytest.fixture
def loader(hydra: ConfigLoader) -> SweepLoader:
    assert isinstance(hydra, ConfigLoaderImpl)
    return SweepLoader(hydra.config_search_path, hydra.repository, "a sweep")


def flags(node: DictConfig) -> object:
    """What may be changed where, which no comparison of values sees."""
    nodes = node.items_ex(resolve=False) if node else ()
    below = {key: flags(value) for key, value in nodes if isinstance(value, DictConfig)}
    return OmegaConf.is_struct(node), OmegaConf.is_readonly(node), OmegaConf.get_type(node), below


def test_a_job_is_the_one_that_hydra_composes(hydra: ConfigLoader, sweep: DictConfig, loader: SweepLoader) -> None:
    for job in (*JOBS, *JOBS):  # what one job did to its configuration is not seen by those after it
        expected, made = hydra.load_sweep_config(sweep, job), loader.load_sweep_config(sweep, job)
        assert OmegaConf.to_yaml(made) == OmegaConf.to_yaml(expected), job
        assert flags(made) == flags(expected), job
        OmegaConf.update(made, "hydra.job.name", "gone")
        made.seed, made.executor = 99, None


def test_what_hydra_refuses_is_refused_in_its_words(
    hydra: ConfigLoader, sweep: DictConfig, loader: SweepLoader
) -> None:
    for job in REFUSED:
        with pytest.raises(ConfigCompositionException) as expected:
            hydra.load_sweep_config(sweep, job)
        with pytest.raises(ConfigCompositionException) as refused:
            loader.load_sweep_config(sweep, job)
        assert str(refused.value) == str(expected.value), job


def test_jobs_of_one_choice_of_files_are_composed_from_them_once(
    sweep: DictConfig, loader: SweepLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed, real = [], SweepLoader.load_configuration

    def counted(self, name, overrides, mode):  # type: ignore[no-untyped-def]
        composed.append(overrides[-1])
        return real(self, name, overrides, mode)

    monkeypatch.setattr(SweepLoader, "load_configuration", counted)
    for executor in ("truncation", "identity"):
        for seq_len in range(16, 96, 16):
            loader.load_sweep_config(sweep, [f"executor={executor}", f"seq_len={seq_len}"])
    assert composed == ["executor=truncation", "executor=identity"]


def test_a_loader_that_is_handed_to_another_process_is_that_processs_own(loader: SweepLoader) -> None:
    sent = copy.copy(loader)  # by way of __reduce__, as pickling it would
    assert sent is not loader
    assert sent is copy.copy(loader) is loader_of(loader.config_search_path, loader.repository, "a sweep")


def test_a_process_that_knows_no_plugin_of_hydra_can_be_handed_a_loader(loader: SweepLoader) -> None:
    told = "import sys, cloudpickle; print(type(cloudpickle.load(sys.stdin.buffer)).__name__)"
    sent = cloudpickle.dumps(loader)
    done = subprocess.run([sys.executable, "-c", told], input=sent, capture_output=True, timeout=60, check=False)
    assert done.stdout.decode().strip() == "SweepLoader", done.stderr.decode()


def test_the_command_that_hydra_carries_out_composes_its_jobs_so(hydra: ConfigLoader) -> None:
    running = GlobalHydra.instance().hydra
    assert running is not None
    compose_once("this one")
    made = running.config_loader
    running.config_loader = hydra
    assert isinstance(made, SweepLoader)
    assert made.get_search_path() == hydra.get_search_path()
