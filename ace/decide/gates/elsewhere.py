"""Validation and holdout of the scopes beside speed: the claimed cells again, on other documents.

Each scope brings how it judges a cell; what is asked besides (other documents, quality, the same numbers) is one piece.
"""

from collections.abc import Callable, Iterator

from ace.decide import commands
from ace.decide.asking import gate
from ace.decide.cells import Cell
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.decide.gates.benefit import shared_with_earlier
from ace.decide.gates.quality import equivalent, further, scored
from ace.decide.gates.registration import overspent
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import HOLDOUT, Shape
from ace.domain.policy import Policy

HELD_OUT = "holdout"
Judged = Callable[[str, CellEstimate], Finding]
"""The scope's own answer for a cell, as a finding of the gate named."""


def elsewhere(
    dossier: Dossier, policy: Policy, name: str, split: str, scope: str, threshold: str, judged: Judged
) -> Iterator[Finding]:
    """Every claimed cell on `split`: the saving of the scope, and quality."""
    if not dossier.claimed:
        shown = f"no cell is claimed, so there is none for {split}"
        yield gate(name, Outcome.NO_EVIDENCE, shown, threshold, f"settle the {scope} gate first")
    for claimed in dossier.claimed:
        cell = dossier.at(split, claimed.cell.shape)
        if cell is None:
            shown = f"not measured on {split}: {claimed.cell.shape}"
            yield gate(name, Outcome.NO_EVIDENCE, shown, threshold, _measure_there(dossier, claimed.cell, split))
            continue
        if shared := shared_with_earlier(dossier, claimed, cell):
            step = "measure on documents that nobody has seen"
            yield gate(name, Outcome.FAIL, shared, threshold, step, cell.key)
        yield judged(name, cell)
        yield scored(name, cell, policy)
        yield from further(name, cell)
        yield from equivalent(name, cell)


def sealed(
    dossier: Dossier, policy: Policy, shapes: tuple[Shape, ...], what: str, answers: Iterator[Finding]
) -> Iterator[Finding]:
    """`answers` of the holdout, where the scope was registered for `shapes`. `what`: is claimed, in words."""
    registered = dossier.case.registration
    if registered is None or not shapes:
        step = f"register the claim first: ace-freeze --experiment {dossier.case.store.experiment}"
        shown = "the holdout has not been opened" if registered is None else f"{what} was not registered"
        yield gate(HELD_OUT, Outcome.NO_EVIDENCE, shown, f"{what} on sealed documents, and quality", step)
        return
    yield from overspent(dossier, policy, f"{policy.holdout_looks} look(s)")
    yield from answers


def _measure_there(dossier: Dossier, cell: Cell, split: str) -> str:
    newest, registered = cell.newest, dossier.case.registration
    if split == HOLDOUT and registered is not None:
        return commands.measure_holdout(newest.record.plan, newest.job, registered, [cell.shape])
    return commands.measure(newest.record.plan, newest.job, split, [cell.shape])
