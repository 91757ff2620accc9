"""A claim fixed before its sealed documents are opened, and the ledger of who opened them when.

Made by `ace.decide.freezing` on request of `ace-freeze`, kept by `ace.tracking`, asked before any holdout cell runs and
again by the gates frozen and holdout. Digests chain the looks together: who alters or removes one that is not the last
breaks the chain, and every holdout run names the look that it belongs to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ace.domain.canonical import digest, sha256_text
from ace.domain.plan import HOLDOUT, BenchmarkSpec, ExecutorSpec, ModelSpec, Protocol, Shape
from ace.domain.policy import Policy
from ace.domain.record import CodeState, Digests
from ace.domain.serial import encode

REGISTRATION_SCHEMA_VERSION = 1
FIRST = "0" * 64
"""What the first look of a ledger names as the one before it."""
SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class Registration:
    """Everything about a claim that may no longer change once the holdout is opened.

    `cells`: the shapes claimed; `grid`: all shapes of the development map, of which they are a part or the whole.
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
    grid: tuple[Shape, ...]
    policy: Policy
    protocol: Protocol
    benchmarks: tuple[BenchmarkSpec, ...]
    holdout: BenchmarkSpec
    code: CodeState
    weights: Digests
    data: Digests
    records: tuple[str, ...]
    frozen_at: float

    def __post_init__(self) -> None:
        if not self.cells or set(self.cells) - set(self.grid):
            raise ValueError("a registration claims at least one cell, and only cells of its grid")
        if self.holdout.split != HOLDOUT:
            raise ValueError(f"a registration is judged on a holdout, not on split {self.holdout.split}")

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
        return f"{self.executor.target} on {self.model.name} ({self.holdout.inputs})"

    def says_the_same_as(self, other: "Registration") -> bool:
        """Whether two registrations claim the same, whatever was measured since of what they rest on."""
        return self._claimed() == other._claimed()

    def _claimed(self) -> "Registration":
        """Without when and from which commit it was made, and on which measurements of the same cells."""
        code = replace(self.code, commit=None, dirty=None)
        nothing: Any = ()
        return replace(
            self, frozen_at=0.0, code=code, grid=self.cells, benchmarks=nothing, data=nothing, records=nothing
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


def chain_problem(looks: Sequence[HoldoutLook]) -> str | None:
    """What is wrong with a ledger as a chain, None when nothing is."""
    previous = FIRST
    for index, look in enumerate(looks):
        if look.index != index:
            return f"look {index} of the ledger says that it is look {look.index}"
        if look.previous != previous:
            return f"look {index} of the ledger does not follow the one before it: that was altered or removed"
        previous = look.digest
    return None


def looks_of(looks: Sequence[HoldoutLook], idea: str, benchmark: str) -> list[HoldoutLook]:
    """The looks that an idea has had at a benchmark, under whatever registration and experiment."""
    return [look for look in looks if look.idea == idea and look.benchmark == benchmark]
