"""What is no part of any plan: where things are kept, the thresholds of the decision, the experiment's name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from omegaconf import DictConfig

from ace.domain.plan import require
from ace.domain.policy import Policy
from ace.errors import PlanError
from ace.wiring.values import EXPERIMENT_KEYS, RUNNING, build, group, plain

FAILED = "failed"  # the value of rerun


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are kept, and how long to wait for the device: not part of any plan or digest."""

    tracking_uri: str | None
    root: Path
    cache: Path
    device_wait_s: float
    device_locks: Path


@dataclass(frozen=True, slots=True)
class Resuming:
    """What is done about cells that were attempted before. `failed_only`: those that never were are left out, too.

    `dry_run`: nothing is measured or written, and what would be is told. `fail_fast`: the cells after a failed one are
    left out.
    """

    resume: bool
    failed_only: bool
    dry_run: bool
    fail_fast: bool


def resuming_of(config: DictConfig) -> Resuming:
    """How this job treats what an earlier one has measured."""
    values = plain(config, *RUNNING)
    resume, rerun, dry_run, fail_fast = (values.get(key) for key in RUNNING)
    require(isinstance(resume, bool), "resume", resume, "true or false")
    require(isinstance(dry_run, bool), "dry_run", dry_run, "true or false")
    require(isinstance(fail_fast, bool), "fail_fast", fail_fast, "true or false")
    require(rerun in (None, FAILED), "rerun", rerun, f"{FAILED}, or null")
    require(resume or rerun is None, "resume", resume, f"true with rerun={rerun}, which asks what was measured before")
    return Resuming(bool(resume), rerun == FAILED, bool(dry_run), bool(fail_fast))


def settings_of(config: DictConfig) -> Settings:
    """Where this job keeps its store and cache."""
    values = plain(config, "tracking", "cache_dir", "device_wait_s", "device_locks")
    tracking = group(values, "tracking", ("uri", "root"))
    uri = tracking["uri"]
    named = isinstance(tracking["root"], str) and tracking["root"].strip() != ""
    require(named, "tracking.root", tracking["root"], "a folder")
    if uri is not None:
        refuse_password([f"tracking.uri={uri}"])
    wait_s = values.get("device_wait_s")
    fine = isinstance(wait_s, int | float) and not isinstance(wait_s, bool) and wait_s >= 0
    require(fine, "device_wait_s", wait_s, "seconds, 0 or more")
    locks = values.get("device_locks")
    require(isinstance(locks, str), "device_locks", locks, "a folder that all processes of this host share")
    cache = values.get("cache_dir")
    require(isinstance(cache, str), "cache_dir", cache, "a folder")
    return Settings(
        tracking_uri=None if uri is None else str(uri),
        root=Path(str(tracking["root"])).expanduser().resolve(),
        cache=Path(str(cache)).expanduser().resolve(),
        device_wait_s=float(str(wait_s)),
        device_locks=Path(str(locks)).expanduser().resolve(),
    )


def refuse_password(overrides: Iterable[str]) -> None:
    """Raise PlanError, which does not repeat it, where an address of a store holds a password: it would stand in every
    job's name, in Hydra's folders and in the environment of whoever lists processes."""
    for override in overrides:
        key, _, uri = override.partition("=")
        if key.lstrip("+") == "tracking.uri" and _has_password(uri.strip("'\"")):
            raise PlanError(
                "tracking.uri holds a password, which every record and log would keep. Leave it out and set "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (or MLFLOW_TRACKING_TOKEN) for a server, "
                "PGPASSWORD or ~/.pgpass for PostgreSQL."
            )


def _has_password(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.password is not None or "password" in parse_qs(parts.query)


def policy_of(config: DictConfig) -> Policy:
    """The thresholds of the decision."""
    return build(Policy, "policy", group(plain(config, "policy"), "policy", [field.name for field in fields(Policy)]))


def experiment_name(config: DictConfig) -> str:
    """The MLflow experiment that runs of this configuration go to."""
    name = str(group(plain(config, "experiment"), "experiment", EXPERIMENT_KEYS)["name"])
    # a folder's name and a command's word: ".." is another folder, and "-x" an option
    fine = re.fullmatch(r"[\w.][\w.-]{0,99}", name) is not None and name.strip(".") != ""
    require(fine, "experiment.name", name, "letters, digits, . _ -, the first of them no -")
    return name
