"""Overrides as people type them: composed outside a Hydra job, and refused where they would not do what they say."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from ace.domain.plan import HOLDOUT, CellPlan, require
from ace.errors import PlanError
from ace.wiring.values import GROUPS

UNKNOWN = re.compile(r"Could not override '([^']+)'")
OF_ONES_OWN = ("executor", "model", "split")


def compose_config(overrides: Sequence[str]) -> DictConfig:
    """The packaged configuration with overrides, outside a Hydra job."""
    with initialize_config_dir(str(resources.files("ace.conf")), version_base="1.3"):
        return compose("config", [quoted_null(override) for override in overrides])


def quoted_null(override: str) -> str:
    """`experiment=null` selects the option of that name; unquoted, Hydra reads null as nothing at all, and an option
    that does not exist (`executor=null`) would be a bare ValueError there."""
    key, equals, value = override.partition("=")
    if key.lstrip("+") not in GROUPS:
        return override
    return key + equals + ",".join("'null'" if choice == "null" else choice for choice in value.split(","))


def told(error: Exception) -> str:
    """What an error says to whoever typed an override. Hydra's own advice on an unknown key, to add it, would be
    refused next; what is allowed in its place is said instead."""
    unknown = UNKNOWN.match(str(error))
    if unknown is None:
        return str(error)
    parent, _, name = unknown[1].rpartition(".")
    known = compose_config([])
    node = OmegaConf.select(known, parent) if parent else known
    allowed = list(map(str, node)) if isinstance(node, DictConfig) else []
    near = get_close_matches(name, allowed, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    where = f" in {parent}" if parent else ""
    own = f"; what your own class takes: +{parent}.{name}=..." if parent in OF_ONES_OWN else ""
    return f"{unknown[1]} is not a key ACE knows{meant}; allowed{where}: {', '.join(allowed) or 'nothing'}{own}."


def refuse_renamed(overrides: Sequence[str], name: str) -> None:
    """Commands that are told their experiment take no other from the overrides, and do not silently drop one."""
    for override in overrides:
        key = override.partition("=")[0].lstrip("+~")
        if key in ("experiment", "experiment.name"):
            raise PlanError(f"{override} is refused: this command's experiment is {name}.")


def refuse_sealed(plan: CellPlan) -> None:
    """Raise PlanError for imported timings of the holdout: only a registered claim, measured here, opens it."""
    if plan.benchmark.split == HOLDOUT:
        raise PlanError(
            "split=holdout is sealed: timings of another tool cannot open it; use split=development or validation."
        )


def drop_foreign_parameters(config: DictConfig, overrides: Sequence[str]) -> tuple[str, ...]:
    """When the executor's class was overridden, keep only parameters that were overridden with it.

    Changes `config` in place (Hydra hands each job its own) and returns the names that were dropped.
    """
    for override in overrides:
        require(
            not override.lstrip("+").startswith("executor={"),
            "executor",
            override.partition("=")[2],
            "one key at a time: executor._target_=package.Class +executor.key=value",
        )
    given = {override.lstrip("+~").split("=", 1)[0] for override in overrides}
    if "executor._target_" not in given:
        return ()
    named = [key.removeprefix("executor.").split(".") for key in given if key.startswith("executor.")]
    mine = {parts[0] for parts in named}
    rivals = {parts[1] for parts in named if parts[0] == "rivals" and len(parts) > 1}
    foreign = [str(key) for key in config.executor if key not in mine]
    if rivals:  # those of the old executor speak of parameters that are gone
        foreign += [f"rivals.{name}" for name in config.executor.rivals if name not in rivals]
    OmegaConf.set_struct(config, False)
    for key in foreign:
        group, _, name = key.rpartition(".")
        del (config.executor[group] if group else config.executor)[name]
    OmegaConf.set_struct(config, True)
    return tuple(foreign)


def refuse_shadowed(sources: Iterable[Any]) -> None:
    """Raise PlanError when a file of the user's configuration folder is hidden by a packaged one of the same name.

    `sources`: Hydra's runtime.config_sources; folders given with --config-dir come as `file` sources.
    """
    packaged = Path(str(resources.files("ace.conf"))).resolve()
    for source in sources:
        folder = Path(str(source.path)).resolve()
        if source.schema != "file" or folder == packaged:
            continue
        for path in sorted(folder.rglob("*.yaml")):
            name = path.relative_to(folder)
            if (packaged / name).is_file():
                raise PlanError(
                    f"{path} is shadowed by ACE's own {name} and would never be read; "
                    "rename your file and select it by the new name."
                )
