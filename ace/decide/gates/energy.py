"""Gates of the scopes energy and ecd: fewer joules per item, or more of everything per joule, by enough?

What each scope asks for stands in `ace.decide.power_scopes`, which gates it asks besides in `ace.decide.scopes`. A
grade that supports no claim gives no bound: the gate answers with that grade's name.
"""

import math
from collections.abc import Iterator
from statistics import median

from ace.decide import commands
from ace.decide.asking import gate
from ace.decide.cells import Cell
from ace.decide.dossier import Dossier
from ace.decide.energy import Pair, energy_of, paired, used_sources
from ace.decide.estimates import CellEstimate
from ace.decide.gates.elsewhere import HELD_OUT, elsewhere, sealed
from ace.decide.gates.quality import threshold_of
from ace.decide.power_scopes import PowerScope, null_outcome, outcome_of, threshold
from ace.decide.skeptic.bounds import beyond
from ace.domain.decision import EnergyAnswer, percent, percent_within
from ace.domain.energy import GRADE_OF
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import HOLDOUT, VALIDATION
from ace.domain.policy import Policy
from ace.domain.record import BASELINE, CANDIDATE
from ace.telemetry.evidence import contradiction

INSTRUMENT, PROVENANCE, VALIDATED = "instrument", "provenance", "validation"
SAME_CALLS = math.log1p(0.1)  # a loop without pauses may warm what interleaved calls leave cold


def answer(cell: CellEstimate) -> EnergyAnswer:
    """What is known of a cell's energy, at the level that its looks leave."""
    return energy_of(cell.cell, cell.alpha)


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
    answers = [answer(cell) for cell in cells]
    for cell, found in zip(cells, answers, strict=True):
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
    sources = {(a.source, a.device) for a in answers if a.source is not None}
    if len(sources) > 1:
        shown = f"cells of one claim were measured by {len(sources)} sources or boards"
        yield gate(PROVENANCE, Outcome.NO_EVIDENCE, shown, asked, "measure all of them by one")
    if not cells:
        yield gate(PROVENANCE, Outcome.NO_EVIDENCE, "no cell was measured", asked, "measure a cell")


def _contradicted(cell: Cell) -> str | None:
    return _of_readings(cell) or _of_timings(cell)


def _of_timings(cell: Cell) -> str | None:
    """Whether calls in energy windows take another ratio of time than timed ones: outputs are looked at there alone."""
    apart = []
    for record in cell.records:
        for choice in used_sources(record):
            for s in record.sessions:
                pair = s.energy and paired(record.plan.telemetry, s.energy, str(choice.source))
                if isinstance(pair, Pair):
                    apart.append(pair.faster - math.log(median(s.wall_s(BASELINE)) / median(s.wall_s(CANDIDATE))))
    for arm, logs in ((CANDIDATE, apart), (BASELINE, [-log for log in apart])):
        if beyond(logs, SAME_CALLS):
            shown = f"in energy windows the {arm} is {percent(sum(logs) / len(logs))} faster beside the other"
            return f"{shown} than in timed calls, and outputs are compared in those alone"
    return None


def _of_readings(cell: Cell) -> str | None:
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
