"""Composed configuration as plain values: one group at a time, unknown keys and impossible values refused by name.

Used by the other modules of the wiring; the only ones that know OmegaConf's types.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ace.domain.decode import decode
from ace.errors import EvidenceError, PlanError

T = TypeVar("T")
AXES = ("seq_len", "batch", "hidden", "depth", "seed")
RUNNING = ("resume", "rerun", "dry_run", "fail_fast")
"""How a command is carried out, and no part of what is measured."""
GROUPS = ("model", "executor", "split", "inputs", "telemetry", "protocol", "policy", "tracking", "experiment")
MODEL_KEYS = ("name", "_target_", "hidden", "depth", "head_dim", "positions", "pretrained", "revision", "seed")
ASKING_KEYS = ("benchmark", "_target_", "metric", "margin", "task", "licence")
SPLIT_KEYS = ("name", *ASKING_KEYS, "examples", "slices", "development", "further")
TELEMETRY_KEYS = ("name", "relative_error", "subtract_idle", "tdp_w")
EXPERIMENT_KEYS = ("name", "scopes")
OPTIONAL_KEYS = ("scopes", "revision", "seed", "margin", "task", "licence", "slices", "development", "further")


def plain(config: DictConfig, *keys: str) -> dict[str, Any]:
    """The configuration as nested dicts, resolved, or those of its top-level `keys` that are there.

    Raises PlanError for what cannot be resolved.
    """
    # a sweep's configuration holds Hydra's own node, with values that are known only inside a job
    there = [str(key) for key in config if key != "hydra" and (not keys or key in keys)]
    try:
        return {key: _resolved(config[key]) for key in there}
    except OmegaConfBaseException as error:
        raise PlanError(f"the configuration cannot be resolved: {error}") from error


def _resolved(value: Any) -> Any:
    if not OmegaConf.is_config(value):
        return value
    return OmegaConf.to_container(value, resolve=True, throw_on_missing=True)


def group(values: dict[str, Any], name: str, keys: Sequence[str]) -> dict[str, Any]:
    """The group `name`, which has all of `keys` but the optional ones and no others."""
    found = values.get(name)
    if not isinstance(found, dict):
        raise PlanError(f"{name}={found} is refused; allowed: a file of the group {name}/.")
    refuse_unknown(f"{name}.", found, keys)
    missing = [key for key in keys if key not in found and key not in OPTIONAL_KEYS]
    if missing:
        raise PlanError(f"{name}.{missing[0]} is missing; the group {name} needs {', '.join(keys)}.")
    return found


def refuse_unknown(prefix: str, values: Iterable[str], known: Sequence[str]) -> None:
    """Raise PlanError naming the first key that is not known."""
    for key in values:
        if key not in known:
            raise PlanError(f"{prefix}{key} is not a key ACE knows; allowed: {', '.join(prefix + k for k in known)}.")


def build(kind: type[T], place: str, values: Any) -> T:
    """A `kind` from values of the group `place`; what is refused is named by its key there."""
    try:
        return decode(kind, values, place or "config")
    except EvidenceError as error:
        refused = error.__cause__ and error.__cause__.__cause__  # by the kind itself, whose words name the key
        if isinstance(refused, PlanError):
            raise refused from error
        text = str(error).removeprefix("config.").removeprefix("config: ")
        raise PlanError(f"{text} is refused." if "expected" in text else text) from error
