"""The jobs of one sweep, composed from its files once: a job that only sets values costs Hydra no reading.

Hydra composes every job anew, and each twice: once to see that it can be composed, once to run it. Nine tenths of that
are the same YAML files read, parsed and merged in the same way, and most of what a sweep of finished cells takes. Here
the configuration that a choice of files makes is kept, and a job's values are set in a copy by Hydra's own code. So a
file that is edited while a sweep runs no longer changes the jobs still to come in the same process.

`ace.cli.sweep` puts it in the place of Hydra's loader before the launcher is made, which carries it to other processes.
"""

from copy import deepcopy

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf


class SweepLoader(ConfigLoaderImpl):
    """Hydra's loader, which remembers.  `sweep`: whose jobs it composes, under one name in every process."""

    def __init__(self, search_path: ConfigSearchPath, repository: ConfigRepository, sweep: str) -> None:
        # as Hydra's own is unpickled: in a process that has not loaded the plugins it could make no repository
        self.config_search_path, self.repository = search_path, repository
        self._sweep = sweep
        self._files: IConfigRepository | None = None
        self._chosen: dict[tuple[str, ...], DictConfig] = {}

    def __reduce__(self) -> tuple[object, ...]:
        """What was composed stays here: jobs that share a process elsewhere share what the first composed there."""
        return loader_of, (self.config_search_path, self.repository, self._sweep)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The configuration of one job, as Hydra's own loader makes it."""
        given = OverridesParser.create().parse_overrides([*master_config.hydra.overrides.hydra, *sweep_overrides])
        if any(_takes_its_turn(override) for override in given):
            return super().load_sweep_config(master_config, sweep_overrides)
        values = [override for override in given if not self._makes_the_choice(override, master_config)]
        config = deepcopy(self._choice([str(o.input_line) for o in given if o not in values], master_config))
        self._apply_overrides_to_config(values, config)
        own = [override for override in given if not override.is_hydra_override()]
        job = config.hydra.job
        config.hydra.overrides.task = [override.input_line for override in own]
        named = job.config.override_dirname
        job.override_dirname = get_overrides_dirname(own, named.exclude_keys, named.item_sep, named.kv_sep)
        OmegaConf.copy_cache(from_config=master_config, to_config=config)  # one time of day for the whole sweep
        return config

    def _makes_the_choice(self, override: Override, master_config: DictConfig) -> bool:
        """Whether it is for Hydra itself or names a file of a group; anything else is a value of the job."""
        if self._files is None:
            asked = list(master_config.hydra.overrides.hydra)  # may name more folders to search
            _, self._files = self._parse_overrides_and_create_caching_repo(master_config.hydra.job.config_name, asked)
        return override.is_hydra_override() or self._files.group_exists(override.key_or_group)

    def _choice(self, overrides: list[str], master_config: DictConfig) -> DictConfig:
        key = tuple(overrides)
        if key not in self._chosen:
            name = master_config.hydra.job.config_name
            self._chosen[key] = self.load_configuration(name, overrides, RunMode.RUN)
        return self._chosen[key]


_loaders: dict[str, SweepLoader] = {}  # of this process, by sweep


def loader_of(search_path: ConfigSearchPath, repository: ConfigRepository, sweep: str) -> SweepLoader:
    """This process's loader for the jobs of a sweep."""
    if sweep not in _loaders:
        _loaders[sweep] = SweepLoader(search_path, repository, sweep)
    return _loaders[sweep]


def compose_once(sweep: str) -> None:
    """Have the jobs of the command that Hydra carries out now composed so."""
    hydra = GlobalHydra.instance().hydra
    if hydra is not None and isinstance(hydra.config_loader, ConfigLoaderImpl):
        theirs = hydra.config_loader
        hydra.config_loader = loader_of(theirs.config_search_path, theirs.repository, sweep)


def _takes_its_turn(override: Override) -> bool:
    """What deletes, or replaces a whole node, does so between the values before and after it."""
    return override.is_delete() or override.is_sweep_override() or isinstance(override.value(), dict)
