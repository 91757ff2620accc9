"""A claim fixed before its sealed documents are opened, and the ledger of who opened them when.

Made by `ace.decide.freezing` on request of `ace-freeze`, kept by `ace.tracking`, asked before any holdout cell runs and
again by the gates frozen, complete and holdout. Digests chain the entries together: who alters or removes one that is
not the last breaks the chain; every holdout run names its look, and every opening its run, so that neither can be lost
alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ace.domain.canonical import digest, sha256_text
from ace.domain.plan import (
    ECD,
    ENERGY,
    HOLDOUT,
    MEMORY,
    SPEED,
    BenchmarkSpec,
    ExecutorSpec,
    ModelSpec,
    Protocol,
    Shape,
)
from ace.domain.policy import Policy
from ace.domain.record import CodeState, Digests
from ace.domain.serial import encode

REGISTRATION_SCHEMA_VERSION = 3
FIRST = "0" * 64
"""What the first look of a ledger names as the one before it."""
SEEDS = 2**31
MOST_OPENINGS = 3
"""Of one cell by one seed: a machine may die on the way, and whoever watches a run may end what they do not like."""
SEALED_MEASUREMENTS = 2
"""Of one cell under one look: its own, and one more where that left it open (4-rules). Both are foreseen, so each is
asked at half the level."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Everything about a claim that may no longer change once the holdout is opened.

    `cells`: the shapes claimed to be faster, `memory_cells`, `energy_cells`, `ecd_cells` those claimed to need less
    memory, less energy, or to do more per joule; `grid`: all shapes of the development map, of which they are a part or
    the whole. `holdout_file`: of the group split, as commands name it.
    `model`: of the first cell; hidden and depth are axes of the grid. `benchmarks`: the development and validation ones
    that it rests on, `holdout` the one it will be judged on. `records`: digests of the evidence that it rests on.
    `weights`, `data`: sha256 of files. `frozen_at`: seconds since the epoch.
    """

    schema_version: int
    experiment: str
    claim: str
    label: str
    executor: ExecutorSpec
    model: ModelSpec
    cells: tuple[Shape, ...]
    memory_cells: tuple[Shape, ...]
    energy_cells: tuple[Shape, ...]
    ecd_cells: tuple[Shape, ...]
    grid: tuple[Shape, ...]
    policy: Policy
    protocol: Protocol
    benchmarks: tuple[BenchmarkSpec, ...]
    holdout: BenchmarkSpec
    holdout_file: str
    code: CodeState
    weights: Digests
    data: Digests
    records: tuple[str, ...]
    frozen_at: float

    def __post_init__(self) -> None:
        if not self.opened or set(self.opened) - set(self.grid):
            raise ValueError("a registration claims at least one cell, and only cells of its grid")
        if self.holdout.split != HOLDOUT:
            raise ValueError(f"a registration is judged on a holdout, not on split {self.holdout.split}")

    @property
    def opened(self) -> tuple[Shape, ...]:
        """The shapes that may be measured on the holdout: those that any scope claims."""
        return tuple(dict.fromkeys((*self.cells, *self.memory_cells, *self.energy_cells, *self.ecd_cells)))

    def claimed_by(self, scope: str) -> tuple[Shape, ...]:
        """The shapes that one scope claims."""
        by_scope = {SPEED: self.cells, MEMORY: self.memory_cells, ENERGY: self.energy_cells, ECD: self.ecd_cells}
        return by_scope[scope]

    @property
    def digest(self) -> str:
        """Identity of the registration: any change to it changes this."""
        return digest(encode(self))

    @property
    def holdout_seed(self) -> int:
        """Which holdout documents are drawn and timed: nobody knows it before the claim is frozen."""
        return int(sha256_text(f"{self.digest}/{self.frozen_at!r}")[:15], 16) % SEEDS

    @property
    def idea(self) -> str:
        """What shares a budget of looks: variants of one idea on one model are tried on the same sealed documents."""
        return idea_of(self.executor, (content for _, content in self.weights), self.holdout.inputs)

    def says_the_same_as(self, other: "Registration") -> bool:
        """Whether two registrations claim the same, whatever was measured since of what they rest on."""
        return self._claimed() == other._claimed()

    def _claimed(self) -> "Registration":
        """Without when and from which commit it was made, and on which measurements of the same cells."""
        code = replace(self.code, commit=None, dirty=None)
        nothing: Any = ()
        return replace(
            self, frozen_at=0.0, code=code, grid=self.opened, benchmarks=nothing, data=nothing, records=nothing
        )


@dataclass(frozen=True, slots=True)
class HoldoutLook:
    """One opening of a holdout, written down before its data is touched. `previous`: digest of the look before it.

    `benchmark`: the function that reads its documents, which a configuration cannot rename.
    """

    index: int
    previous: str
    registration: str
    experiment: str
    idea: str
    benchmark: str
    opened_at: float

    @property
    def digest(self) -> str:
        """What the next look names, and the runs that belong to this one."""
        return digest(encode(self))


@dataclass(frozen=True, slots=True)
class HoldoutOpening:
    """One attempt at one cell of a look, written down when its run is in the store and before any document is read."""

    index: int
    previous: str
    look: str
    shape: Shape
    seed: int
    run_id: str
    opened_at: float

    @property
    def digest(self) -> str:
        """What the next entry names."""
        return digest(encode(self))


LedgerEntry = HoldoutLook | HoldoutOpening


@dataclass(frozen=True, slots=True)
class UnlistedLook:
    """A look that a run of the store names and the ledger does not hold: made from another machine, or removed.

    `idea` and `benchmark` are None where the run's plan cannot be read: then it counts against every idea.
    """

    digest: str
    registration: str
    experiment: str
    run_id: str
    idea: str | None
    benchmark: str | None


AnyLook = HoldoutLook | UnlistedLook


def idea_of(executor: ExecutorSpec, weights: Iterable[str], inputs: str) -> str:
    """What shares a budget of looks: variants of one idea on one model are tried on the same sealed documents.

    `weights`: sha256 of the model's files, for its name is anybody's choice. The executor is known by its import path:
    who gives the same idea another has another.
    """
    return f"{executor.target} on weights {digest(sorted(weights))[:12]} ({inputs})"


def chain_problem(entries: Sequence[LedgerEntry]) -> str | None:
    """What is wrong with a ledger as a chain, None when nothing is."""
    previous = FIRST
    looks: set[str] = set()
    for index, entry in enumerate(entries):
        if entry.index != index:
            return f"entry {index} of the ledger says that it is entry {entry.index}"
        if entry.previous != previous:
            return f"entry {index} of the ledger does not follow the one before it: that was altered or removed"
        if isinstance(entry, HoldoutOpening) and entry.look not in looks:
            return f"entry {index} of the ledger opens a cell of a look that is not in it"
        previous = entry.digest
        looks |= {entry.digest}
    return None


def looks_of(looks: Iterable[AnyLook], idea: str, benchmark: str) -> list[AnyLook]:
    """The looks that an idea has had at a benchmark, under whatever registration and experiment; one a registration."""
    mine = [look for look in looks if look.idea in (idea, None) and look.benchmark in (benchmark, None)]
    return list({look.registration: look for look in reversed(mine)}.values())[::-1]
