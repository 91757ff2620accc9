"""Gate memory: does it need less, by enough? The gain gate of the scope memory, and its validation.

Peak resident memory of each arm alone, process by process. The bound is the permutation test's: were the arms alike
but for the smallest gain worth having, all of n processes of one would lie beyond all of m of the other with
probability 1 / C(n + m, n) (Fisher 1935), which 3 and 3 bring to 5 %. So the least saving between any two processes is
a lower bound at that level, and the largest an upper one.
"""

import math
from collections.abc import Iterator, Sequence

from ace.decide import commands
from ace.decide.asking import gate
from ace.decide.cells import Cell
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.decide.gates.elsewhere import HELD_OUT, elsewhere, sealed
from ace.decide.gates.quality import threshold_of
from ace.domain.answers import MemoryAnswer
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import HOLDOUT, MEMORY, VALIDATION
from ace.domain.policy import Policy
from ace.domain.record import CellRecord
from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.wording import percent

NAME, VALIDATED = "memory", "validation"


def memory_of(records: Sequence[CellRecord]) -> MemoryAnswer | None:
    """Peaks of both arms over all measurements and the range of the saving; None where one was never measured."""
    uses = [use for record in records for use in record.memory]
    base, own = ([u.peak_bytes for u in uses if u.arm == arm and u.peak_bytes] for arm in (BASELINE, CANDIDATE))
    if not base or not own:
        return None
    return MemoryAnswer(
        baseline_bytes=sorted(base)[len(base) // 2],
        candidate_bytes=sorted(own)[len(own) // 2],
        low=math.log(min(base) / max(own)),
        high=math.log(max(base) / min(own)),
        processes=min(len(base), len(own)),
        level=1 / math.comb(len(base) + len(own), len(base)),
    )


def is_claimed(cells: Sequence[Cell]) -> bool:
    """Whether any measurement was made to claim less memory."""
    return any(MEMORY in record.plan.scopes for cell in cells for record in cell.records)


def saves(cell: Cell, policy: Policy) -> bool:
    """Whether a cell is known to need less memory, by enough."""
    return outcome_of(memory_of(cell.records), policy.gain_floor, policy.alpha) is Outcome.PASS


def outcome_of(found: MemoryAnswer | None, floor: float, alpha: float) -> Outcome:
    """Whether a saving above `floor` (a log) is shown at level `alpha`, ruled out, or neither."""
    if found is None or found.level > alpha:
        return Outcome.NO_EVIDENCE
    if found.low > floor:
        return Outcome.PASS
    return Outcome.FAIL if found.high < floor else Outcome.NO_EVIDENCE


def memory(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """Saving above the smallest worth having, in every cell that is claimed or, without one, looked at."""
    threshold = f"least saving between processes > {percent(policy.gain_floor)} (level {policy.alpha:g})"
    for estimate in dossier.examined:
        yield _judged(NAME, estimate.cell, threshold, policy.gain_floor, policy)
    if not dossier.examined:
        yield gate(NAME, Outcome.NO_EVIDENCE, "no development cell was measured", threshold, "measure a cell")


def _judged(name: str, cell: Cell, threshold: str, floor: float, policy: Policy) -> Finding:
    found = memory_of(cell.records)
    again = f"measure this cell once more: {commands.measure_again([cell])}"
    if found is None:
        return gate(name, Outcome.NO_EVIDENCE, "peak memory was not measured", threshold, again, cell.key)
    shown = (
        f"peak memory of {found.candidate_bytes / 1e6:.0f} MB against {found.baseline_bytes / 1e6:.0f} MB: baseline "
        f"over candidate between {percent(found.low)} and {percent(found.high)} in {found.processes} processes an arm"
    )
    outcome = outcome_of(found, floor, policy.alpha)
    return gate(name, outcome, shown, threshold, "" if outcome is Outcome.PASS else again, cell.key)


def validation(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The claimed cells again: less memory, and quality, on other documents."""
    yield from _elsewhere(dossier, policy, VALIDATED, VALIDATION, 0.0)


def held_out(dossier: Dossier, policy: Policy) -> Iterator[Finding]:
    """The claimed cells on the sealed documents: a saving worth having, and quality."""
    registered = dossier.case.registration
    shapes = registered.memory_cells if registered is not None else ()
    yield from sealed(
        dossier, policy, shapes, "less memory", _elsewhere(dossier, policy, HELD_OUT, HOLDOUT, policy.gain_floor)
    )


def _elsewhere(dossier: Dossier, policy: Policy, name: str, split: str, floor: float) -> Iterator[Finding]:
    quality = f"quality: {threshold_of(policy.quality_margin, policy)}"
    threshold = f"least saving between processes > {percent(floor)} on {split} documents, and {quality}"

    def judged(gate_name: str, cell: CellEstimate) -> Finding:
        return _judged(gate_name, cell.cell, threshold, floor, policy)

    yield from elsewhere(dossier, policy, name, split, NAME, threshold, judged)
