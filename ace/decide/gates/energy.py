"""Gates of the scopes energy and ecd: fewer joules per item, or more of everything per joule, by enough?

What each scope asks for stands in `ace.decide.power_scopes`, which gates it asks besides in `ace.decide.scopes`. A
grade that supports no claim gives no bound: the gate answers with that grade's name. Whether records may be believed is
asked in `gates.energy_provenance`.
"""

from collections.abc import Iterator

from ace.decide import commands
from ace.decide.asking import gate
from ace.decide.dossier import Dossier
from ace.decide.energy import LOST, energy_of
from ace.decide.estimates import CellEstimate
from ace.decide.gates.elsewhere import HELD_OUT, elsewhere, sealed
from ace.decide.gates.quality import threshold_of
from ace.decide.launching import LAUNCH
from ace.decide.power_scopes import PowerScope, null_outcome, outcome_of, threshold
from ace.domain.answers import EnergyAnswer
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import HOLDOUT, VALIDATION
from ace.domain.policy import Policy
from ace.domain.wording import percent, percent_within

INSTRUMENT, VALIDATED = "instrument", "validation"

DOCTOR = "run ace-doctor, and measure where it shows a source that sees the work"


def answer(cell: CellEstimate) -> EnergyAnswer:
    """What is known of a cell's energy, at the level that its looks leave."""
    return energy_of(cell.cell, cell.alpha)


def saving(scope: PowerScope, dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The gain gate of the scope, in every cell that is claimed or, without one, looked at."""
    for cell in dossier.examined:
        yield judged(scope, scope.name, cell, policy, 1.0)
    if not dossier.examined:
        step, shown = f"{LAUNCH} split=development", "no development cell was measured"
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
    step = "" if outcome is Outcome.PASS else next_step(found, cell)
    return gate(name, outcome, shown, asked, step, cell.key)


def next_step(found: EnergyAnswer, cell: CellEstimate) -> str:
    """What a cell without an answer needs: more sessions under the driver that counts now, or a source."""
    if found.left_out is not None:
        return f"{found.left_out}; {_again(cell)}"
    if found.unclaimable is not None and LOST in found.unclaimable:
        return f"see to what took them, the same board set alike for both arms, and {_again(cell)}"
    if found.unclaimable is not None:
        return DOCTOR
    return _again(cell)


def _again(cell: CellEstimate) -> str:
    return f"measure this cell once more: {commands.measure_again([cell.cell])}"


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


def validation(scope: PowerScope, dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The claimed cells again: a saving, and quality, on other documents."""
    yield from _elsewhere(scope, dossier, policy, VALIDATED, VALIDATION, 0.0)


def held_out(scope: PowerScope, dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The claimed cells on the sealed documents: a saving worth having, and quality."""
    registered = dossier.case.registration
    shapes = registered.claimed_by(scope.name) if registered is not None else ()
    yield from sealed(dossier, policy, shapes, scope.what, _elsewhere(scope, dossier, policy, HELD_OUT, HOLDOUT, 1.0))


def _elsewhere(
    scope: PowerScope, dossier: Dossier, policy: Policy, name: str, split: str, worth: float
) -> Iterator[Finding]:
    asked = f"{threshold(scope, policy, worth)}; quality: {threshold_of(policy.quality_margin, policy)}"

    def one(gate_name: str, cell: CellEstimate) -> Finding:
        return judged(scope, gate_name, cell, policy, worth)

    yield from elsewhere(dossier, policy, name, split, scope.name, asked, one)
