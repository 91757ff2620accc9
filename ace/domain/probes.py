"""What was looked at in a session beside its timed rounds, to find gains that timed calls alone would show.

Read by `ace.measure` before and after the timed rounds, judged by `ace.decide.skeptic`. Raw readings: nothing here is a
conclusion, and what could not be looked at is None with its reason, never a zero.
"""

from dataclasses import dataclass

from ace.domain.quality import require_valid as _require


@dataclass(frozen=True, slots=True)
class Clock:
    """`parent_s`: from right before the first timed round to right after the last by the clock of the parent process,
    which no executor shares; None with `reason`. `replaced`: functions that measuring rests on (its own, clocks) and
    that were not the same afterwards as before the executor's code was loaded."""

    parent_s: float | None
    reason: str | None
    replaced: tuple[str, ...]

    def __post_init__(self) -> None:
        _require((self.parent_s is None) != (self.reason is None), "the parent's clock and a reason for none exclude")
        _require((self.parent_s or 0.0) >= 0, "the parent's clock went backwards")


@dataclass(frozen=True, slots=True)
class Visit:
    """One arm called outside the timed rounds, by another function, after a pause of random length.

    A call on almost the same input comes first, so that both clocked ones find equally warm caches: `fresh_s`, on an
    input that the arm never saw, and `again_s`, on the very same input once more; seconds per call. `again_error`: of
    the second output against the first. Then nothing should run for `idle_s`: `busy_s` are the CPU seconds that the
    process and its children spent meanwhile, `late_error` is what changed in an output after its call had returned.
    Errors are max |difference| / max |reference|.
    """

    arm: str
    fresh_s: float
    again_s: float
    again_error: float
    late_error: float
    idle_s: float
    busy_s: float

    def __post_init__(self) -> None:
        _require(self.fresh_s > 0 and self.again_s > 0 and self.idle_s > 0, f"{self.arm}: a time is not positive")
        _require(min(self.again_error, self.late_error, self.busy_s) >= 0, f"{self.arm}: a negative reading")


@dataclass(frozen=True, slots=True)
class Perturbed:
    """Single tokens replaced at random positions. `felt`: positions at which one of the two arms answers otherwise;
    `blind`: those of them at which the baseline clearly does and the candidate not at all. `left_out_share`: the mean
    share of tokens that the executor declares not to reach the first layer."""

    felt: int
    blind: int
    left_out_share: float

    def __post_init__(self) -> None:
        _require(0 <= self.blind <= self.felt, f"{self.blind} blind positions of {self.felt}")
        _require(0 <= self.left_out_share <= 1, f"a share of {self.left_out_share}")


@dataclass(frozen=True, slots=True)
class Company:
    """Threads of the process and its children, before the executor's code was loaded and after the timed rounds.
    `children_s`: CPU seconds that children spent during the timed rounds."""

    threads_before: int
    threads_after: int
    children_before: tuple[str, ...]
    children_after: tuple[str, ...]
    children_s: float

    def __post_init__(self) -> None:
        _require(self.children_s >= 0, "children with negative CPU time")


@dataclass(frozen=True, slots=True)
class Untouched:
    """The baseline clocked before the candidate was prepared, and by the same calls after the timed rounds."""

    before_s: tuple[float, ...]
    after_s: tuple[float, ...]

    def __post_init__(self) -> None:
        _require(bool(self.before_s) and bool(self.after_s), "the baseline was clocked on one side only")
        _require(all(s > 0 for s in (*self.before_s, *self.after_s)), "a time of the baseline is not positive")


PERTURBED, UNTOUCHED, SHAM = "perturbed", "untouched", "sham"
ABSENT = (PERTURBED, UNTOUCHED, SHAM)
"""What can be absent from the probes of a session, each with a reason."""
NO_TOKEN_FELT = "no token whose replacement changes the baseline's output was found"


@dataclass(frozen=True, slots=True)
class Probes:
    """All of a session. `visits`: in the order they were made. `state_changed`: global settings of torch and of the
    process that differ from before the executor's code was loaded, `functions_changed`: well-known functions of torch
    that were replaced. `has_sham`: whether the executor has one; it is an arm of the session unless `absent` says why
    not. `absent`: of ABSENT, what was not looked at, and why."""

    clock: Clock
    visits: tuple[Visit, ...]
    perturbed: Perturbed | None
    untouched: Untouched | None
    company: Company
    state_changed: tuple[str, ...]
    functions_changed: tuple[str, ...]
    has_sham: bool
    absent: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        reasons = dict(self.absent)
        _require(set(reasons) <= set(ABSENT), f"unknown probes {sorted(set(reasons) - set(ABSENT))}")
        for name, value in ((PERTURBED, self.perturbed), (UNTOUCHED, self.untouched)):
            _require((value is None) == (name in reasons), f"{name}: a value and a reason for none exclude each other")

    def why_not(self, name: str) -> str | None:
        """Why this was not looked at; None where it was."""
        return dict(self.absent).get(name)
