"""What the scopes energy and ecd claim, and when it is shown.

    energy   ln of joules per item, baseline over candidate: its lower bound above the smallest gain worth having
    ecd      quality x throughput / joules per item: its lower bound above twice that gain, for where energy follows
             time it counts time twice (3-telemetry), and neither throughput nor energy lost by more than the margin

Bounds join what sessions scatter with what all of them share. Asked by the gates (`gates.energy`), by `scopes` and, for
what may be registered, by `freezing`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ace.decide.cells import Cell
from ace.domain.answers import EnergyAnswer
from ace.domain.finding import Outcome
from ace.domain.plan import ECD, ENERGY
from ace.domain.policy import Policy
from ace.domain.wording import percent, percent_within


@dataclass(frozen=True, slots=True)
class Part:
    """One bounded number of an answer, and how many of the policy's smallest gains it must show; None: it may only not
    be lost."""

    name: str
    bounds: Callable[[EnergyAnswer], tuple[float | None, float | None]]
    gains: float | None


@dataclass(frozen=True, slots=True)
class PowerScope:
    """A scope that rests on a source of energy. `what`: is claimed, in words."""

    name: str
    what: str
    parts: tuple[Part, ...]
    shown: Callable[[EnergyAnswer], str]

    def is_claimed(self, cells: Iterable[Cell]) -> bool:
        """Whether any measurement was made to claim it."""
        return any(self.name in record.plan.scopes for cell in cells for record in cell.records)


def _energy_shown(found: EnergyAnswer) -> str:
    return f"joules per item, baseline over candidate: {percent_within(found.gain, found.low, found.high)}"


def _ecd_shown(found: EnergyAnswer) -> str:
    parts = ("ecd", "quality", "throughput")
    told = [
        f"{name} {percent_within(*(getattr(found, f'{name}_{f}') for f in ('gain', 'low', 'high')))}" for name in parts
    ]
    return f"{', '.join(told)}, energy {percent_within(found.gain, found.low, found.high)}"


OF_ENERGY = Part("energy", lambda found: (found.lcb, found.ucb), 1.0)
POWER_SCOPES = (
    PowerScope(ENERGY, "less energy", (OF_ENERGY,), _energy_shown),
    PowerScope(
        ECD,
        "more effective compute density",
        (
            Part("ecd", lambda found: (found.ecd_lcb, found.ecd_ucb), 2.0),
            Part("throughput", lambda found: (found.throughput_lcb, found.throughput_ucb), None),
            Part("energy", OF_ENERGY.bounds, None),
        ),
        _ecd_shown,
    ),
)


def outcome_of(scope: PowerScope, found: EnergyAnswer, policy: Policy, worth: float = 1.0) -> Outcome:
    """Whether the scope's saving is shown, ruled out, or neither. `worth`: 0 asks for any saving, 1 for one worth
    having."""
    if found.unclaimable is not None or found.sessions < policy.min_sessions:
        return Outcome.NO_EVIDENCE
    answers = [_part_outcome(part, found, policy, worth) for part in scope.parts]
    for outcome in (Outcome.FAIL, Outcome.NO_EVIDENCE):
        if outcome in answers:
            return outcome
    return Outcome.PASS


def _part_outcome(part: Part, found: EnergyAnswer, policy: Policy, worth: float) -> Outcome:
    low, high = part.bounds(found)
    if low is None or high is None:
        return Outcome.NO_EVIDENCE
    floor = _floor(part, policy, worth)
    if low > floor:
        return Outcome.PASS
    return Outcome.FAIL if high < floor else Outcome.NO_EVIDENCE


def _floor(part: Part, policy: Policy, worth: float) -> float:
    return -policy.same_within if part.gains is None else part.gains * worth * policy.gain_floor


def threshold(scope: PowerScope, policy: Policy, worth: float = 1.0) -> str:
    """In words."""
    gains = (f"{part.name} > {percent(_floor(part, policy, worth))}" for part in scope.parts)
    return f"lower bounds, scatter and shared uncertainty joined: {', '.join(gains)}; a source that supports a claim"


def null_outcome(found: EnergyAnswer, policy: Policy) -> Outcome:
    """Whether the null arm's energy is the baseline's, and known well enough to see a gain worth having."""
    low, high = found.null_low, found.null_high
    if found.simulated or low is None or high is None:
        return Outcome.NO_EVIDENCE
    if low > policy.same_within or high < -policy.same_within:
        return Outcome.FAIL
    same = low <= 0 <= high or max(abs(low), abs(high)) <= policy.same_within
    return Outcome.PASS if same and (high - low) / 2 <= policy.gain_floor else Outcome.NO_EVIDENCE
