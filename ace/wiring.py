"""Configuration to plans: the only module, besides the command line, that knows Hydra and OmegaConf.

Turns one composed job into a CellPlan and a Settings, refusing unknown keys and impossible values before anything runs.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ace.domain.plan import (
    SPEED,
    BenchmarkSpec,
    CellPlan,
    ExecutorSpec,
    ModelSpec,
    Protocol,
    RivalSpec,
    Shape,
    require,
)
from ace.domain.policy import Policy
from ace.domain.serial import decode, freeze
from ace.errors import EvidenceError, PlanError
from ace.models.loading import described_model

T = TypeVar("T")
AXES = ("seq_len", "batch", "hidden", "depth", "seed")
GROUPS = ("model", "executor", "split", "inputs", "telemetry", "protocol", "policy", "tracking", "experiment")
MODEL_KEYS = ("name", "_target_", "hidden", "depth", "head_dim", "positions", "pretrained", "revision", "seed")
ASKING_KEYS = ("benchmark", "_target_", "metric", "margin", "task", "licence")
SPLIT_KEYS = ("name", *ASKING_KEYS, "examples", "slices", "development", "further")
EXPERIMENT_KEYS = ("name", "scopes")
OPTIONAL_KEYS = ("scopes", "revision", "seed", "margin", "task", "licence", "slices", "development", "further")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are kept: not part of any plan or digest."""

    tracking_uri: str | None
    root: Path
    cache: Path


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


def refuse_renamed(overrides: Sequence[str], name: str) -> None:
    """Commands that are told their experiment take no other from the overrides, and do not silently drop one."""
    for override in overrides:
        key = override.partition("=")[0].lstrip("+~")
        if key in ("experiment", "experiment.name"):
            raise PlanError(f"{override} is refused: this command's experiment is {name}.")


def refuse_sealed(plan: CellPlan) -> None:
    """Raise PlanError for imported timings of the holdout: only a registered claim, measured here, opens it."""
    if plan.benchmark.split == "holdout":
        raise PlanError(
            "split=holdout is sealed: timings of another tool cannot open it; use split=development or validation."
        )


def plan_of(config: DictConfig) -> CellPlan:
    """The cell that a composed configuration describes.  Raises PlanError for what cannot be run."""
    values = _plain(config)
    _refuse_unknown("", values, (*AXES, *GROUPS, "cache_dir"))
    model, split = _described(_group(values, "model", MODEL_KEYS)), _group(values, "split", SPLIT_KEYS)
    inputs = str(_group(values, "inputs", ("name", "rivals"))["name"])
    # hidden and depth follow the model's file, which may leave them to the model itself
    shape = _build(Shape, "", {axis: model.get(axis) if values[axis] is None else values[axis] for axis in AXES[:4]})
    experiment = _group(values, "experiment", EXPERIMENT_KEYS)
    return CellPlan(
        experiment=experiment_name(config),
        model=_model(model, shape),
        executor=_executor(values),
        benchmark=_benchmark(split, inputs),
        shape=shape,
        protocol=_build(Protocol, "protocol", values["protocol"]),
        telemetry=str(_group(values, "telemetry", ("name",))["name"]),
        seed=_build(_Seed, "", {"seed": values["seed"]}).seed,
        rivals=_rivals(values) if split["name"] == "development" else (),  # they judge the claim where it is chosen
        further=_further(split, inputs),
        scopes=_build(_Scopes, "experiment", {"scopes": experiment.get("scopes") or [SPEED]}).scopes,
    )


def settings_of(config: DictConfig) -> Settings:
    """Where this job keeps its store and cache."""
    values = _plain(config)
    tracking = _group(values, "tracking", ("uri", "root"))
    uri = tracking["uri"]
    require(isinstance(tracking["root"], str), "tracking.root", tracking["root"], "a folder")
    require(isinstance(values["cache_dir"], str), "cache_dir", values["cache_dir"], "a folder")
    return Settings(
        tracking_uri=None if uri is None else str(uri),
        root=Path(str(tracking["root"])).resolve(),
        cache=Path(str(values["cache_dir"])).expanduser().resolve(),
    )


def policy_of(config: DictConfig) -> Policy:
    """The thresholds of the decision."""
    return _build(Policy, "policy", _plain(config)["policy"])


def experiment_name(config: DictConfig) -> str:
    """The MLflow experiment that runs of this configuration go to."""
    name = str(_group(_plain(config), "experiment", EXPERIMENT_KEYS)["name"])
    require(re.fullmatch(r"[\w.-]{1,100}", name) is not None, "experiment.name", name, "letters, digits, . _ -")
    return name


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
    mine = {key.removeprefix("executor.").split(".")[0] for key in given if key.startswith("executor.")}
    foreign = tuple(str(key) for key in config.executor if key not in mine)
    OmegaConf.set_struct(config, False)
    for key in foreign:
        del config.executor[key]
    OmegaConf.set_struct(config, True)
    return foreign


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


@dataclass(frozen=True, slots=True)
class _Seed:
    seed: int


@dataclass(frozen=True, slots=True)
class _Scopes:
    scopes: tuple[str, ...]


def _plain(config: DictConfig) -> dict[str, Any]:
    try:
        # a sweep's configuration holds Hydra's own node, with values that are known only inside a job
        own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        values = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise PlanError(f"the configuration cannot be resolved: {error}") from error
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _group(values: dict[str, Any], name: str, keys: Sequence[str]) -> dict[str, Any]:
    group = values.get(name)
    if not isinstance(group, dict):
        raise PlanError(f"{name}={group} is refused; allowed: a file of the group {name}/.")
    _refuse_unknown(f"{name}.", group, keys)
    missing = [key for key in keys if key not in group and key not in OPTIONAL_KEYS]
    if missing:
        raise PlanError(f"{name}.{missing[0]} is missing; the group {name} needs {', '.join(keys)}.")
    return group


def _refuse_unknown(prefix: str, values: Iterable[str], known: Sequence[str]) -> None:
    for key in values:
        if key not in known:
            raise PlanError(f"{prefix}{key} is not a key ACE knows; allowed: {', '.join(prefix + k for k in known)}.")


def _build(kind: type[T], group: str, values: Any) -> T:
    try:
        return decode(kind, values, group or "config")
    except EvidenceError as error:
        if isinstance(error.__cause__, PlanError):
            raise error.__cause__ from error
        text = str(error).removeprefix("config.").removeprefix("config: ")
        raise PlanError(f"{text} is refused." if "expected" in text else text) from error


def _described(model: dict[str, Any]) -> dict[str, Any]:
    """The group `model`, where what its file leaves open (null) is what the model says of itself."""
    require(isinstance(model["_target_"], str), "model._target_", model["_target_"], "package.module.function")
    revision = model.get("revision")
    own = described_model(model["_target_"], model["name"], revision)
    require(bool(own) or revision is None, "model.revision", revision, f"null: {model['name']} has one version alone")
    for key, value in own.items():
        fine = key == "name" or model[key] in (None, value)
        require(fine, f"model.{key}", model[key], f"{value}, that of {model['name']}")
    return model | own


def _model(model: dict[str, Any], shape: Shape) -> ModelSpec:
    if model["pretrained"]:
        for axis in ("hidden", "depth"):
            require(
                getattr(shape, axis) == model[axis],
                axis,
                getattr(shape, axis),
                f"{model[axis]}, the size of {model['name']}'s pretrained weights; model=encoder has {axis} free",
            )
    require(
        shape.hidden % model["head_dim"] == 0,
        "hidden",
        shape.hidden,
        f"a multiple of {model['head_dim']}, the size of a head",
    )
    return _build(
        ModelSpec,
        "model",
        {
            "name": model["name"],
            "target": model["_target_"],
            "hidden": shape.hidden,
            "depth": shape.depth,
            "heads": shape.hidden // model["head_dim"],
            "positions": model["positions"],
            "pretrained": model["pretrained"],
            "seed": model.get("seed", 0),
        },
    )


def benchmark_of(config: DictConfig) -> BenchmarkSpec:
    """What the configured split asks."""
    values = _plain(config)
    inputs = str(_group(values, "inputs", ("name", "rivals"))["name"])
    return _benchmark(_group(values, "split", SPLIT_KEYS), inputs)


def _benchmark(split: dict[str, Any], inputs: str) -> BenchmarkSpec:
    asked = {
        "split": split["name"],
        "name": split["benchmark"],
        "target": split["_target_"],
        "metric": split["metric"],
        "examples": split["examples"],
        "inputs": inputs,
    }
    more = {key: split[key] for key in ("margin", "slices", "development", "task", "licence") if key in split}
    return _build(BenchmarkSpec, "split", asked | more)


def _further(split: dict[str, Any], inputs: str) -> tuple[BenchmarkSpec, ...]:
    """The other benchmarks that a split's file names, scored beside its own."""
    given = split.get("further") or {}
    require(isinstance(given, dict), "split.further", given, "names, each with benchmark, _target_ and metric")
    made = []
    for name, asked in given.items():
        require(isinstance(asked, dict), f"split.further.{name}", asked, "benchmark, _target_ and metric")
        _refuse_unknown(f"split.further.{name}.", asked, ASKING_KEYS)
        for key in ASKING_KEYS[:3]:
            require(key in asked, f"split.further.{name}.{key}", "missing", ", ".join(ASKING_KEYS[:3]))
        made.append(_benchmark({"name": split["name"], "examples": split["examples"], **asked}, inputs))
    return tuple(made)


def _executor(values: dict[str, Any]) -> ExecutorSpec:
    executor = dict(values["executor"] or {})
    executor.pop("rivals", None)
    return _executor_spec("executor", executor)


def _rivals(values: dict[str, Any]) -> tuple[RivalSpec, ...]:
    """The rivals that the inputs name for every idea, and those of the executor's file, which may leave one out.

    `executor.rivals.NAME=null` leaves out one, `executor.rivals=null` all of the executor's own, `inputs.rivals=null`
    those of the inputs.
    """
    given: dict[str, tuple[str, Any]] = {}
    for place in ("inputs", "executor"):
        own = (values[place] or {}).get("rivals") or {}
        require(isinstance(own, dict), f"{place}.rivals", own, "names, each with role, _target_ and parameters")
        given |= {str(name): (f"{place}.rivals.{name}", rival) for name, rival in own.items()}
    return tuple(_rival(name, place, rival) for name, (place, rival) in given.items() if rival is not None)


def _rival(name: str, place: str, rival: Any) -> RivalSpec:
    require(isinstance(rival, dict), place, rival, "role, _target_ and parameters; null leaves it out")
    own = dict(rival)
    role = str(own.pop("role", None))
    return RivalSpec(name, role, _executor_spec(place, own))


def _executor_spec(place: str, executor: dict[str, Any]) -> ExecutorSpec:
    target = executor.pop("_target_", None)
    require(isinstance(target, str), f"{place}._target_", target, "package.module.Class")
    for key, value in executor.items():
        try:
            freeze(value)
        except EvidenceError as error:
            raise PlanError(f"{place}.{key}={value} is refused; {error}.") from error
    return ExecutorSpec(str(target), freeze(executor))
