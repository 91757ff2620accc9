"""Part of gate complete: is every opening of a sealed cell that the ledger holds in the store, and the other way round?

A holdout run that was deleted for good leaves its line in the ledger; a line that was cut from the end of the ledger
leaves its run in the store. Who removes both leaves no trace here: local evidence is tamper-evident, not tamper-proof.
"""

from collections import Counter
from collections.abc import Iterator

from ace.decide.asking import gate, named
from ace.decide.cells import is_evidence
from ace.decide.gather import Case
from ace.domain.finding import Finding, Outcome
from ace.domain.registration import MOST_OPENINGS

NAME = "complete"
THRESHOLD = "every opening of a sealed cell has its run, and every holdout run its opening"


def openings(case: Case) -> Iterator[Finding]:
    """Runs that the ledger names and the store lacks, and holdout runs that the ledger does not name."""
    mine = _looks(case)
    listed = [opening for opening in case.store.openings if opening.look in mine]
    there = {cell.run_id for cell in case.store.cells}
    gone = [f"{opening.shape} by run {opening.run_id}" for opening in listed if opening.run_id not in there]
    noted = {opening.run_id for opening in listed}
    silent = [
        a.run_id
        for a in case.attempts
        if a.plan is not None and a.plan.look in mine and is_evidence(a) and a.run_id not in noted
    ]
    if gone:
        shown = f"the ledger says that sealed cells were opened by runs that are not in the store: {named(gone)}"
        step = "restore these runs from a backup; where they are lost, nobody knows what was seen on the holdout"
        yield gate(NAME, Outcome.FAIL, shown, THRESHOLD, step)
    if silent:
        shown = f"holdout runs {named(silent)} are not in the ledger, although their look is"
        yield gate(NAME, Outcome.FAIL, shown, THRESHOLD, "restore the ledger from a backup: lines were removed from it")
    plans = {cell.run_id: cell.plan for cell in case.store.cells if cell.plan is not None}
    otherwise = [
        f"{opening.shape} by run {opening.run_id}, which is of {plan.shape}"
        for opening in listed
        if (plan := plans.get(opening.run_id)) is not None
        and (plan.look, plan.shape, plan.seed) != (opening.look, opening.shape, opening.seed)
    ]
    if otherwise:
        shown = f"openings in the ledger are not those of their runs: {named(otherwise)}"
        yield gate(NAME, Outcome.FAIL, shown, THRESHOLD, "restore the ledger from a backup: lines of it were altered")
    times = Counter((opening.look, str(opening.shape), opening.seed) for opening in listed)
    often = [f"{shape}, {count} times" for (_, shape, _), count in times.items() if count > MOST_OPENINGS]
    if often:
        shown = f"sealed cells were opened again and again: {named(often)}; {MOST_OPENINGS} times is the most"
        yield gate(NAME, Outcome.FAIL, shown, THRESHOLD, "claim the idea on a holdout that was not opened")
    if listed and not (gone or silent or otherwise or often):
        yield gate(NAME, Outcome.PASS, f"all {len(listed)} openings of sealed cells have their runs", THRESHOLD)


def _looks(case: Case) -> set[str]:
    """Looks of this claim's registrations, and those of its experiment that no registration in the store explains."""
    own = {stored.registration.digest for stored in case.registrations if stored.registration is not None}
    every = {stored.registration.digest for stored in case.store.registrations if stored.registration is not None}
    return {
        look.digest
        for look in case.store.looks
        if look.registration in own or (look.experiment == case.store.experiment and look.registration not in every)
    }
