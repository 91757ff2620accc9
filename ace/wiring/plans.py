"""One composed job as a CellPlan: valid, or refused by the key that is wrong."""

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from ace.domain.decode import freeze
from ace.domain.energy import EnergyPlan
from ace.domain.plan import (
    DEVELOPMENT,
    HOLDOUT,
    RATED,
    REPLICATE_SEEDS,
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
from ace.domain.plausible import MOST
from ace.errors import EvidenceError, PlanError
from ace.models.loading import described_model
from ace.wiring.settings import experiment_name
from ace.wiring.values import (
    ASKING_KEYS,
    AXES,
    EXPERIMENT_KEYS,
    GROUPS,
    MODEL_KEYS,
    RUNNING,
    SPLIT_KEYS,
    TELEMETRY_KEYS,
    build,
    group,
    plain,
    refuse_unknown,
)


def plan_of(config: DictConfig) -> CellPlan:
    """The cell that a composed configuration describes.  Raises PlanError for what cannot be run."""
    values = plain(config)
    refuse_unknown("", values, (*AXES, *GROUPS, *RUNNING, "replicate", "cache_dir", "device_wait_s", "device_locks"))
    model, split = _described(group(values, "model", MODEL_KEYS)), group(values, "split", SPLIT_KEYS)
    inputs = str(group(values, "inputs", ("name", "rivals"))["name"])
    # hidden and depth follow the model's file, which may leave them to the model itself
    shape = build(Shape, "", {axis: model.get(axis) if values[axis] is None else values[axis] for axis in AXES[:4]})
    experiment = group(values, "experiment", EXPERIMENT_KEYS)
    plan = CellPlan(
        experiment=experiment_name(config),
        model=_model(model, shape),
        executor=_executor(values),
        benchmark=_benchmark(split, inputs),
        shape=shape,
        protocol=build(Protocol, "protocol", _shared(values["protocol"])),
        telemetry=build(EnergyPlan, "telemetry", group(values, "telemetry", TELEMETRY_KEYS)),
        seed=_seed(values, split["name"]),
        rivals=_rivals(values) if split["name"] == DEVELOPMENT else (),  # they judge the claim where it is chosen
        further=_further(split, inputs),
        isolated_sessions=build(_Alone, "protocol", {ALONE: _alone(values["protocol"])}).isolated_sessions,
        scopes=build(_Scopes, "experiment", {"scopes": experiment.get("scopes") or [SPEED]}).scopes,
    )
    _require_countable(plan)
    return plan


COUNTED = ("sessions", "rounds", "warmup_rounds", "min_timing_s", "threads")
LONGEST_S = 1e9
"""Of a session, 30 years: no system call sleeps for more than some hundred."""


def _require_countable(plan: CellPlan) -> None:
    """Refuse numbers that nobody would believe of the record that they lead to (`ace.domain.plausible`)."""
    asked = {f"protocol.{key}": getattr(plan.protocol, key) for key in COUNTED}
    asked |= {f"protocol.{ALONE}": plan.isolated_sessions, "split.examples": plan.benchmark.examples}
    asked |= {"hidden": plan.shape.hidden, "depth": plan.shape.depth}
    for key, value in asked.items():
        require(value <= MOST, key, value, f"at most {MOST:.0f}")
    limit_s = plan.protocol.session_limit_s
    require(limit_s <= LONGEST_S, "protocol.session_limit_s", limit_s, f"at most {LONGEST_S:.0f} seconds")


@dataclass(frozen=True, slots=True)
class _Seed:
    seed: int
    replicate: int


def _seed(values: dict[str, Any], split: Any) -> int:
    """Of the plan: another replicate draws other documents, orders and sessions, so that all of them can be pooled."""
    given = build(_Seed, "", {key: values[key] for key in ("seed", "replicate")})
    require(0 <= given.seed < REPLICATE_SEEDS, "seed", given.seed, f"0 to {REPLICATE_SEEDS - 1}")
    once = split != HOLDOUT or given.replicate == 0
    allowed = f"0 to {MOST_REPLICATES}, and 0 on the holdout, seen once"
    require(once and 0 <= given.replicate <= MOST_REPLICATES, "replicate", given.replicate, allowed)
    return given.seed + given.replicate * REPLICATE_SEEDS


MOST_REPLICATES = int(MOST) // REPLICATE_SEEDS - 1
"""Their seeds are counted as whatever a record holds."""
ALONE = "isolated_sessions"  # of a protocol, and no part of what the arms go through together


@dataclass(frozen=True, slots=True)
class _Alone:
    isolated_sessions: int


def _shared(protocol: Any) -> Any:
    return {key: value for key, value in protocol.items() if key != ALONE} if isinstance(protocol, dict) else protocol


def _alone(protocol: Any) -> Any:
    return protocol.get(ALONE, 0) if isinstance(protocol, dict) else 0


@dataclass(frozen=True, slots=True)
class _Scopes:
    scopes: tuple[str, ...]


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
    return build(
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
    values = plain(config)
    inputs = str(group(values, "inputs", ("name", "rivals"))["name"])
    return _benchmark(group(values, "split", SPLIT_KEYS), inputs)


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
    return build(BenchmarkSpec, "split", asked | more)


def _further(split: dict[str, Any], inputs: str) -> tuple[BenchmarkSpec, ...]:
    """The other benchmarks that a split's file names, scored beside its own."""
    given = split.get("further") or {}
    require(isinstance(given, dict), "split.further", given, "names, each with benchmark, _target_ and metric")
    made = []
    for name, asked in given.items():
        require(isinstance(asked, dict), f"split.further.{name}", asked, "benchmark, _target_ and metric")
        refuse_unknown(f"split.further.{name}.", asked, ASKING_KEYS)
        for key in ASKING_KEYS[:3]:
            require(key in asked, f"split.further.{name}.{key}", "missing", ", ".join(ASKING_KEYS[:3]))
        margin, place = asked.get("margin"), f"split.further.{name}"
        fine = margin is None or (isinstance(margin, int | float) and 0 <= margin < 1)
        require(fine, f"{place}.margin", margin, "a fraction in [0, 1), or null")
        metric = asked["metric"]
        require(metric == RATED, f"{place}.metric", metric, f"{RATED}, of documents that people rated")
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
