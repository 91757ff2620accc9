"""The verdicts of the scopes beside speed: memory, energy, ecd. Each has its own claimed cells and its own gates, and
the same pure verdict.

Last step of `judge`. One accepted scope says nothing about another.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ace.decide.cells import Cell
from ace.decide.dossier import Dossier
from ace.decide.energy import NO_SOURCE, said
from ace.decide.estimates import CellEstimate
from ace.decide.gates import (
    completeness,
    costs,
    energy,
    energy_provenance,
    integrity,
    memory,
    parity,
    provenance,
    registration,
)
from ace.decide.gates.fairness import fairness
from ace.decide.gates.guardrails import guardrails
from ace.decide.gates.quality import quality
from ace.decide.gather import Case
from ace.decide.power_scopes import POWER_SCOPES, PowerScope, null_outcome, outcome_of
from ace.decide.verdict import Standing, verdict_of
from ace.domain.answers import EnergyAnswer
from ace.domain.decision import CellDecision, Decision, ScopeClaim, overall
from ace.domain.envelope import ACCEPTING
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import DEVELOPMENT, ENERGY, HOLDOUT, MEMORY, VALIDATION
from ace.domain.policy import Policy
from ace.domain.verdict import Verdict

Gate = Callable[[Dossier, Policy], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Beside:
    """A scope beside speed. `own`: the name of its own gate. `shows`: whether a development cell shows the saving;
    `headline`: of a sealed cell, in words; `refusal`: why a cell's numbers can support no claim at all."""

    name: str
    own: str
    gates: tuple[tuple[str, Gate], ...]
    is_claimed: Callable[[tuple[Cell, ...]], bool]
    shows: Callable[[CellEstimate, Policy], bool]
    headline: Callable[[CellEstimate], str | None]
    refusal: Callable[[CellEstimate], str | None]


def _common(scope: str, own: Gate, validation: Gate, holdout: Gate) -> tuple[tuple[str, Gate], ...]:
    return (
        ("frozen", registration.frozen),
        ("integrity", integrity.integrity),
        ("complete", completeness.complete),
        ("parity", parity.parity),
        (scope, own),
        ("quality", quality),
        ("guardrails", guardrails),
        ("validation", validation),
        ("holdout", holdout),
        ("complexity", costs.complexity),
    )


LESS_MEMORY = Beside(
    MEMORY,
    memory.NAME,
    # not the instrument (it is that of speed), nor fairness and overhead, which are about time
    (*_common(memory.NAME, memory.memory, memory.validation, memory.held_out), ("provenance", provenance.provenance)),
    memory.is_claimed,
    lambda cell, policy: memory.saves(cell.cell, policy),
    lambda _: None,
    lambda _: None,
)


def _power(scope: PowerScope) -> Beside:
    return Beside(
        scope.name,
        scope.name,
        (
            *_common(
                scope.name,
                partial(energy.saving, scope),
                partial(energy.validation, scope),
                partial(energy.held_out, scope),
            ),
            ("fairness", fairness),  # whoever is faster by less work needs less energy too
            (energy.INSTRUMENT, energy.instrument),
            (energy_provenance.NAME, energy_provenance.provenance),
        ),
        scope.is_claimed,
        lambda cell, policy: outcome_of(scope, energy.answer(cell), policy) is Outcome.PASS,
        lambda cell: scope.shown(energy.answer(cell)),
        lambda cell: energy.answer(cell).unclaimable,
    )


POWER = {scope.name: _power(scope) for scope in POWER_SCOPES}


def memory_claim(
    dossier: Dossier, doubts: Sequence[Finding], standing: Standing, policy: Policy
) -> tuple[ScopeClaim, tuple[Finding, ...]]:
    """The claim of less memory, and the findings of its own gate; without a claim a word on why there is none."""
    if not memory.is_claimed([cell.cell for cell in dossier.on(DEVELOPMENT)]):
        return _unclaimed("no evidence, for less memory is not claimed: experiment.scopes=[speed,memory] does"), ()
    return _claim(LESS_MEMORY, dossier, doubts, standing, policy)


def power_claims(
    dossier: Dossier,
    doubts: Sequence[Finding],
    standing: Standing,
    policy: Policy,
    answers: Mapping[str, EnergyAnswer],
) -> Iterator[tuple[ScopeClaim, tuple[Finding, ...]]]:
    """The claims of energy and of ecd. Where one is not claimed, no gate of it is asked: for a claim of speed its
    checks do not apply. `answers`: of every cell, for what is said then."""
    known = said(answers)
    for scope in POWER.values():
        if scope.is_claimed(tuple(cell.cell for cell in dossier.on(DEVELOPMENT))):
            yield _claim(scope, dossier, doubts, standing, policy)
        elif known.startswith("NO_EVIDENCE"):
            yield _unclaimed(known if scope.name == ENERGY else f"no evidence, as of energy: {known}"), ()
        else:
            yield _unclaimed(f"not claimed (experiment.scopes=[speed,{scope.name}] does): {known}"), ()


def _unclaimed(why: str) -> ScopeClaim:
    return ScopeClaim(Verdict.INCONCLUSIVE, (why,), ())


def _claim(
    scope: Beside, dossier: Dossier, doubts: Sequence[Finding], standing: Standing, policy: Policy
) -> tuple[ScopeClaim, tuple[Finding, ...]]:
    cells, registered = dossier.on(DEVELOPMENT), dossier.case.registration
    shapes = () if registered is None else registered.claimed_by(scope.name)
    if shapes:
        claimed = tuple(cell for cell in cells if cell.cell.shape in shapes)
    else:
        claimed = tuple(c for c in cells if scope.shows(c, policy) and c.quality_outcome is Outcome.PASS)
    own = replace(dossier, claimed=claimed, examined=claimed or cells)
    gates = [finding for _, ask in scope.gates for finding in ask(own, policy)]
    told = tuple(f for f in gates if f.name == scope.own)
    facts = replace(
        standing,
        registered=bool(shapes),
        lost_everywhere=False,
        nothing_left=dossier.whole and overall(told) is Outcome.FAIL,
        claims_grid=dossier.claims_all(claimed),
    )
    verdict, reasons = verdict_of(gates, doubts, [name for name, _ in scope.gates], facts)
    first = _headline(scope, own) if verdict in ACCEPTING else _refusals(scope, own)
    return ScopeClaim(verdict, (*first, *reasons), tuple(cell.key for cell in claimed)), told


def _headline(scope: Beside, dossier: Dossier) -> Iterator[str]:
    """What the sealed documents say, which is what may be quoted; never development's."""
    for claimed in dossier.claimed:
        sealed = dossier.at(HOLDOUT, claimed.cell.shape)
        if sealed is not None and (words := scope.headline(sealed)) is not None:
            yield f"{sealed.key}: {words}"


def _refusals(scope: Beside, dossier: Dossier) -> Iterator[str]:
    """What no further measurement with the same source would mend, by its name, before anything else is said."""
    why = [scope.refusal(cell) for cell in (*dossier.examined, *dossier.on(HOLDOUT))]
    yield from (f"{scope.name} refused: {text}" for text in dict.fromkeys(why) if text is not None)


def validated(cell: CellDecision, decision: Decision) -> CellDecision | None:
    """The same shape on validation; None where it was not measured."""
    return next((c for c in decision.cells if c.split == VALIDATION and c.shape == cell.shape), None)


def memory_blockers(cell: CellDecision, decision: Decision, case: Case, policy: Policy) -> list[str]:
    """Why a development cell cannot be claimed to need less memory; empty when nothing stands against it."""
    if not memory.is_claimed(case.cells):
        return ["less memory is not claimed"]
    other = validated(cell, decision)
    if other is None:
        return [f"{cell.shape} was not measured on validation"]
    return [
        f"memory ({place.cell}) {outcome}"
        for place, floor in ((cell, policy.gain_floor), (other, 0.0))
        for outcome in (memory.outcome_of(place.memory, floor, policy.alpha), _quality_of(place))
        if outcome is not Outcome.PASS
    ]


def power_blockers(scope: PowerScope, cell: CellDecision, decision: Decision, case: Case, policy: Policy) -> list[str]:
    """Why a development cell cannot be claimed in a scope that rests on a source of energy."""
    if not scope.is_claimed(case.cells):
        return [f"{scope.what} is not claimed"]
    other = validated(cell, decision)
    if other is None:
        return [f"{cell.shape} was not measured on validation"]
    made = getattr(decision.claims, scope.name)
    if made.verdict is Verdict.INVALID:
        return [f"{scope.name}: {made.reasons[0]}"]
    against = []
    for place, worth in ((cell, 1.0), (other, 0.0)):
        found = place.energy
        if found is None or found.unclaimable is not None:
            against.append(f"{scope.name} ({place.cell}): {NO_SOURCE if found is None else found.unclaimable}")
            continue
        outcomes = [(scope.name, outcome_of(scope, found, policy, worth)), ("quality", _quality_of(place))]
        outcomes += [("null arm's energy", null_outcome(found, policy))] if place is cell else []
        against += [f"{name} ({place.cell}) {outcome}" for name, outcome in outcomes if outcome is not Outcome.PASS]
    return against


def _quality_of(cell: CellDecision) -> Outcome:
    return Outcome.NO_EVIDENCE if cell.quality is None else cell.quality.outcome
