"""Gates of the scopes energy and ecd: fewer joules per item, or more of everything per joule, by enough?

    energy   ln of joules per item, baseline over candidate: its lower bound above the smallest gain worth having
    ecd      quality x throughput / joules per item: its lower bound above twice that gain, for where energy follows
             time it counts time twice (3-telemetry), and neither throughput nor energy lost by more than the margin

Bounds join what sessions scatter with what all of them share. A grade that supports no claim gives no bound: the gate
answers with that grade's name. Which gates the scopes ask besides stands in `ace.decide.scopes`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ace.decide import commands
from ace.decide.asking import gate
from ace.decide.cells import Cell
from ace.decide.dossier import Dossier
from ace.decide.energy import energy_of, used_sources
from ace.decide.estimates import CellEstimate
from ace.decide.gates.elsewhere import HELD_OUT, elsewhere, sealed
from ace.decide.gates.quality import threshold_of
from ace.domain.decision import EnergyAnswer, percent, percent_within
from ace.domain.energy import GRADE_OF
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import ECD, ENERGY, HOLDOUT, VALIDATION, Shape
from ace.domain.policy import Policy
from ace.telemetry.evidence import contradiction

INSTRUMENT, PROVENANCE, VALIDATED = "instrument", "provenance", "validation"
NO_GRADE = "no energy source was read"


@dataclass(frozen=True, slots=True)
class Part:
    """One bounded number of an answer and how much of the policy's gain it must show; None: only not be lost."""

    name: str
    bounds: Callable[[EnergyAnswer], tuple[float | None, float | None]]
    floors: float | None


@dataclass(frozen=True, slots=True)
class PowerScope:
    """A scope that rests on a source of energy. `what`: is claimed, in words."""

    name: str
    what: str
    parts: tuple[Part, ...]
    shown: Callable[[EnergyAnswer], str]

    def is_claimed(self, cells: tuple[Cell, ...]) -> bool:
        """Whether any measurement was made to claim it."""
        return any(self.name in record.plan.scopes for cell in cells for record in cell.records)

    def shapes(self, dossier: Dossier) -> tuple[Shape, ...]:
        """Those that are registered."""
        registered = dossier.case.registration
        return () if registered is None else registered.claimed_by(self.name)


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


def answer(cell: CellEstimate) -> EnergyAnswer:
    """What is known of a cell's energy, at the level that its looks leave."""
    return energy_of(cell.cell, cell.alpha)


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
    return -policy.same_within if part.floors is None else part.floors * worth * policy.gain_floor


def threshold(scope: PowerScope, policy: Policy, worth: float = 1.0) -> str:
    """In words."""
    floors = (f"{part.name} > {percent(_floor(part, policy, worth))}" for part in scope.parts)
    return f"lower bounds, scatter and shared uncertainty joined: {', '.join(floors)}; a source that supports a claim"


def saving(scope: PowerScope, dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The gain gate of the scope, in every cell that is claimed or, without one, looked at."""
    for cell in dossier.examined:
        yield judged(scope, scope.name, cell, policy, 1.0)
    if not dossier.examined:
        step, shown = f"{commands.LAUNCH} split=development", "no development cell was measured"
        yield gate(scope.name, Outcome.NO_EVIDENCE, shown, threshold(scope, policy), step)


def judged(scope: PowerScope, name: str, cell: CellEstimate, policy: Policy, worth: float) -> Finding:
    """One cell, as a finding of the gate `name`."""
    found = answer(cell)
    outcome, asked = outcome_of(scope, found, policy, worth), threshold(scope, policy, worth)
    shown = found.reason
    if found.gain is not None:
        simulated = "simulated: " if found.simulated else ""
        shown = f"{simulated}{scope.shown(found)}; {found.sessions} sessions by {found.source}, {found.grade}"
        shown += "" if found.unclaimable is None else f"; {found.reason}"
    step = "" if outcome is Outcome.PASS else _next_step(found, cell)
    return gate(name, outcome, shown, asked, step, cell.key)


def _next_step(found: EnergyAnswer, cell: CellEstimate) -> str:
    if found.unclaimable is not None:
        return "run ace-doctor, and measure where it shows a source that sees the work"
    return _again(cell)


def _again(cell: CellEstimate) -> str:
    return f"measure this cell once more: {commands.measure_again([cell.cell])}"


def null_outcome(found: EnergyAnswer, policy: Policy) -> Outcome:
    """Whether the null arm's energy is the baseline's, and known well enough to see a gain worth having."""
    low, high = found.null_low, found.null_high
    if found.simulated or low is None or high is None:
        return Outcome.NO_EVIDENCE
    if low > policy.same_within or high < -policy.same_within:
        return Outcome.FAIL
    same = low <= 0 <= high or max(abs(low), abs(high)) <= policy.same_within
    return Outcome.PASS if same and (high - low) / 2 <= policy.gain_floor else Outcome.NO_EVIDENCE


def instrument(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The meter's own A/A, in every cell that is looked at."""
    within, known = percent(policy.same_within), percent(policy.gain_floor)
    asked = f"the null arm's energy is the baseline's or within {within} of it, known to {known}"
    for cell in dossier.examined:
        found = answer(cell)
        outcome = null_outcome(found, policy)
        shown = f"null arm: {percent_within(found.null_gain, found.null_low, found.null_high)}"
        step = "" if outcome is Outcome.PASS else _again(cell)
        yield gate(INSTRUMENT, outcome, shown, asked, step, cell.key)
    if not dossier.examined:
        yield gate(INSTRUMENT, Outcome.NO_EVIDENCE, "no cell was measured", asked, "measure a cell")


def provenance(dossier: Dossier, _: Policy) -> Iterator[Finding]:
    """The grade of every joule that the claim rests on; FAIL where a record contradicts its own readings."""
    asked = "energy: one source of a grade that supports a claim, as its raw readings say"
    cells = [c for c in dossier.cells if c.cell.shape in {e.cell.shape for e in dossier.examined}]
    for cell in cells:
        found = answer(cell)
        against = _contradicted(cell.cell)
        if against is not None:
            step = "restore the record from a backup; no energy was read as it says"
            yield gate(PROVENANCE, Outcome.FAIL, against, asked, step, cell.key)
        elif found.unclaimable is not None:
            step = _next_step(found, cell)
            yield gate(PROVENANCE, Outcome.NO_EVIDENCE, found.unclaimable, asked, step, cell.key)
        else:
            yield gate(
                PROVENANCE, Outcome.PASS, f"{found.grade} by {found.source} ({found.device})", asked, cell=cell.key
            )
    sources = {(a.source, a.device) for a in map(answer, cells) if a.source is not None}
    if len(sources) > 1:
        shown = f"cells of one claim were measured by {len(sources)} sources or boards"
        yield gate(PROVENANCE, Outcome.NO_EVIDENCE, shown, asked, "measure all of them by one")
    if not cells:
        yield gate(PROVENANCE, Outcome.NO_EVIDENCE, "no cell was measured", asked, "measure a cell")


def _contradicted(cell: Cell) -> str | None:
    for record in cell.records:
        for choice in used_sources(record):
            if GRADE_OF.get(str(choice.source)) is not choice.grade:
                return f"{choice.source} is said to be {choice.grade}"
            for session in record.sessions:
                windows = session.energy.windows if session.energy is not None else ()
                for window in windows:
                    if window.source == choice.source and (said := contradiction(window, choice)) is not None:
                        return f"session {session.index}, {window.arm}: {said}"
    return None


def validation(scope: PowerScope, dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The claimed cells again: a saving, and quality, on other documents."""
    yield from _elsewhere(scope, dossier, policy, VALIDATED, VALIDATION, 0.0)


def held_out(scope: PowerScope, dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The claimed cells on the sealed documents: a saving worth having, and quality."""
    answers = _elsewhere(scope, dossier, policy, HELD_OUT, HOLDOUT, 1.0)
    yield from sealed(dossier, policy, scope.shapes(dossier), scope.what, answers)


def _elsewhere(
    scope: PowerScope, dossier: Dossier, policy: Policy, name: str, split: str, worth: float
) -> Iterator[Finding]:
    asked = f"{threshold(scope, policy, worth)}; quality: {threshold_of(policy.quality_margin, policy)}"

    def one(gate_name: str, cell: CellEstimate) -> Finding:
        return judged(scope, gate_name, cell, policy, worth)

    yield from elsewhere(dossier, policy, name, split, scope.name, asked, one)
