"""What is to be measured: one cell, fully resolved, before anything runs.

`ace.wiring` makes a CellPlan from the configuration; `ace.measure` carries it out in fresh processes; its digest is
part of every record. A plan that exists is valid: impossible values raise PlanError naming the key, the value and what
is allowed.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ace.domain.canonical import digest
from ace.domain.energy import NONE, EnergyPlan
from ace.domain.serial import encode
from ace.errors import PlanError

Parameters = tuple[tuple[str, Any], ...]
"""Keyword arguments as sorted pairs; the values are text, numbers, or tuples of them."""
FIXED, OBRIEN_FLEMING = "fixed", "obrien-fleming"
STOPPING = (FIXED, OBRIEN_FLEMING)
FEWEST_SEQUENTIAL = 6
"""The first look: below it the t interval of a session statistic is wider than anything of interest."""


def require(condition: bool, key: str, value: object, allowed: str) -> None:
    """Raise PlanError unless `condition`, in the one form that every refused key takes."""
    if not condition:
        raise PlanError(f"{key}={value} is refused; allowed: {allowed}.")


@dataclass(frozen=True, slots=True)
class Shape:
    """A point of the sweep. `hidden` and `depth` are the model's own width and number of layers."""

    seq_len: int
    batch: int
    hidden: int
    depth: int

    def __post_init__(self) -> None:
        # [CLS] and [SEP] frame every document, so a length below 3 holds no text
        require(self.seq_len >= 3, "seq_len", self.seq_len, "3 or more tokens ([CLS], text, [SEP])")
        require(self.batch >= 1, "batch", self.batch, "1 or more")
        require(self.hidden >= 1, "hidden", self.hidden, "1 or more")
        require(self.depth >= 1, "depth", self.depth, "1 or more")

    def __str__(self) -> str:
        return f"{self.seq_len}x{self.batch}"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What is made cheaper. `target` names a function that takes this spec and returns the module.

    `pretrained` says whether its outputs mean anything: without it no quality is claimed.
    """

    name: str
    target: str
    hidden: int
    depth: int
    heads: int
    positions: int
    pretrained: bool
    seed: int

    def __post_init__(self) -> None:
        require(
            self.heads >= 1 and self.hidden % self.heads == 0,
            "model.heads",
            self.heads,
            f"a divisor of hidden={self.hidden}",
        )


@dataclass(frozen=True, slots=True)
class ExecutorSpec:
    """The idea: a class by its import path, and its keyword arguments."""

    target: str
    parameters: Parameters

    def __post_init__(self) -> None:
        require("." in self.target, "executor._target_", self.target, "package.module.Class")

    @property
    def short_name(self) -> str:
        """The class, with its parameters, for people."""
        arguments = ", ".join(f"{key}={_plain(value)}" for key, value in self.parameters)
        return f"{self.target.rsplit('.', 1)[1]}({arguments})"


SIMPLER, CHANCE, COMPILER, UNPADDED = "simpler", "chance", "compiler", "unpadded"
ROLES = (SIMPLER, CHANCE, COMPILER, UNPADDED)
UNCHANGED = (COMPILER, UNPADDED)
"""Roles of rivals that compute what the baseline does."""


@dataclass(frozen=True, slots=True)
class RivalSpec:
    """Another way to the same saving, timed in the same sessions (4-rules, fairness).

    `role`: simpler (if it does as well, the idea is unnecessary), chance (the same counts without the idea), compiler
    (the unchanged model, compiled), unpadded (the unchanged model, spared the padding of natural inputs).
    """

    name: str
    role: str
    executor: ExecutorSpec

    def __post_init__(self) -> None:
        taken = ("baseline", "null", "candidate", "sham")
        fine = re.fullmatch(r"[a-z][a-z0-9_]{0,40}", self.name) and self.name not in taken
        require(bool(fine), "executor.rivals", self.name, "a name of its own in small letters, digits and _")
        require(self.role in ROLES, f"executor.rivals.{self.name}.role", self.role, ", ".join(ROLES))


def _plain(value: Any) -> str:
    return "[" + ", ".join(_plain(item) for item in value) + "]" if isinstance(value, tuple) else str(value)


DEVELOPMENT, VALIDATION, HOLDOUT = "development", "validation", "holdout"
SPLITS = (DEVELOPMENT, VALIDATION, HOLDOUT)
REPLICATE_SEEDS = 1_000_000
"""A replicate of a cell has its seed this much further on."""
EXACT, NATURAL = "exact", "natural"
INPUTS = (EXACT, NATURAL)
SPEED, MEMORY, ENERGY, ECD = "speed", "memory", "energy", "ecd"
SCOPES = (SPEED, MEMORY, ENERGY, ECD)
"""What can be claimed; energy and effective compute density need a source of power that sees the work."""
CLASS, LENGTH = "class", "length"
SLICES = (CLASS, LENGTH)
RATED = "human_similarity"
"""The metric of documents that people compared with each other; a further benchmark's only one in this version."""


@dataclass(frozen=True, slots=True)
class BenchmarkSpec:
    """What is asked of the model: documents of one split and the score that belongs to them.

    `target` names a function that takes this spec, a length, a seed and a cache folder, and returns the documents.
    `examples` is the number of documents scored (and drawn from for timing). `inputs`: exact cuts every document to
    that length and leaves out shorter ones; natural takes them at their own length up to it, padded in a batch.
    `margin`: what may be lost of the metric, None for the policy's. `slices`: parts of the documents that are tested
    for harm. `development`: the function of the development documents, which none of these may be and on which ideas
    calibrate; None on development itself. `task`, `licence`: for people.
    """

    split: str
    name: str
    target: str
    metric: str
    examples: int
    inputs: str = EXACT
    margin: float | None = None
    slices: tuple[str, ...] = ()
    development: str | None = None
    task: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        for name in self.slices:
            require(name in SLICES, "split.slices", name, ", ".join(SLICES))
        require(len(set(self.slices)) == len(self.slices), "split.slices", list(self.slices), "each once")
        fine = self.margin is None or 0 <= self.margin < 1
        require(fine, "split.margin", self.margin, "a fraction in [0, 1), or null")
        require(self.inputs in INPUTS, "inputs.name", self.inputs, ", ".join(INPUTS))
        require(self.split in SPLITS, "split.name", self.split, ", ".join(SPLITS))
        require(self.examples >= 1, "split.examples", self.examples, "1 or more")


@dataclass(frozen=True, slots=True)
class Protocol:
    """How it is observed (2-statistics, rules 1-3).

    `rounds` are timed rounds a session, two to a mirrored block; `warmup_rounds` come before them and are kept as
    data. `min_timing_s`: a timing repeats its call until it lasts at least this long. `session_limit_s`: a session
    that takes longer is a Failure. `stopping`: fixed measures all `sessions`; obrien-fleming looks after each and may
    stop before that maximum, which the bounds pay for.
    """

    name: str
    sessions: int
    rounds: int
    warmup_rounds: int
    min_timing_s: float
    threads: int
    session_limit_s: float
    stopping: str

    def __post_init__(self) -> None:
        require(self.stopping in STOPPING, "protocol.stopping", self.stopping, ", ".join(STOPPING))
        require(
            self.stopping == FIXED or self.sessions >= FEWEST_SEQUENTIAL,
            "protocol.sessions",
            self.sessions,
            f"{FEWEST_SEQUENTIAL} or more with protocol.stopping={self.stopping}",
        )
        require(self.sessions >= 1, "protocol.sessions", self.sessions, "1 or more")
        require(
            self.rounds >= 2 and self.rounds % 2 == 0,
            "protocol.rounds",
            self.rounds,
            "an even number, 2 or more: two mirrored rounds form a block",
        )
        require(self.warmup_rounds >= 1, "protocol.warmup_rounds", self.warmup_rounds, "1 or more")
        require(self.min_timing_s > 0, "protocol.min_timing_s", self.min_timing_s, "a positive number of seconds")
        require(self.threads >= 1, "protocol.threads", self.threads, "1 or more")
        require(self.session_limit_s > 0, "protocol.session_limit_s", self.session_limit_s, "a positive time")


@dataclass(frozen=True)  # no slots: its digest is asked for more often than it is worth reckoning
class CellPlan:
    """One cell of the sweep: model x executor x shape x split, and how it is observed, with the rivals beside it.

    `further`: benchmarks of the same split that are scored beside the first and never timed. `telemetry`
    says which energy source is asked for; "none" asks for none and no energy is claimed. `scopes`: what is to be
    claimed, and so measured well enough to be. `isolated_sessions`: pairs of processes in which each arm is timed
    alone, beside the sessions that they share. `registration`, `look`: digests of what allows a holdout cell, None on
    other splits.
    """

    experiment: str
    model: ModelSpec
    executor: ExecutorSpec
    benchmark: BenchmarkSpec
    shape: Shape
    protocol: Protocol
    telemetry: EnergyPlan
    seed: int
    rivals: tuple[RivalSpec, ...]
    further: tuple[BenchmarkSpec, ...] = ()
    scopes: tuple[str, ...] = (SPEED,)
    isolated_sessions: int = 0
    registration: str | None = None
    look: str | None = None

    def __post_init__(self) -> None:
        for scope in self.scopes:
            require(scope in SCOPES, "experiment.scopes", scope, ", ".join(SCOPES))
        require(SPEED in self.scopes, "experiment.scopes", list(self.scopes), f"{SPEED}, and others beside it")
        asked_power = not {ENERGY, ECD} & set(self.scopes) or self.telemetry.name != NONE
        require(
            asked_power, "telemetry.name", NONE, f"a source of power, as experiment.scopes={list(self.scopes)} asks"
        )
        asked = [self.benchmark.name, *(other.name for other in self.further)]
        require(len(set(asked)) == len(asked), "split.further", asked, "each benchmark once")
        names = [rival.name for rival in self.rivals]
        require(len(set(names)) == len(names), "executor.rivals", names, "each name once")
        require(
            self.shape.seq_len <= self.model.positions,
            "seq_len",
            self.shape.seq_len,
            f"at most {self.model.positions}, the positions of model {self.model.name}",
        )
        require(
            (self.shape.hidden, self.shape.depth) == (self.model.hidden, self.model.depth),
            "hidden, depth",
            (self.shape.hidden, self.shape.depth),
            f"({self.model.hidden}, {self.model.depth}), the model's own",
        )
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        alone = self.isolated_sessions
        require(alone >= 0, "protocol.isolated_sessions", alone, "0 or more pairs of processes")
        documents = self.benchmark.examples
        require(
            self.shape.batch <= documents, "batch", self.shape.batch, f"at most split.examples={documents} documents"
        )

    @property
    def replicate(self) -> tuple[int, int]:
        """The seed that was asked for, and which replicate; a holdout's seed is drawn by its registration."""
        if self.benchmark.split == HOLDOUT:
            return self.seed, 0
        return self.seed % REPLICATE_SEEDS, self.seed // REPLICATE_SEEDS

    @cached_property
    def digest(self) -> str:
        """Identity of the resolved plan; it holds no paths and no times."""
        return digest(encode(self))
