"""Rule interference: is the candidate faster when neither arm is in the other's way?

In a session the arms share a process, its caches, its allocator and its threads, and a candidate that disturbs its
neighbour gains by it. One claimed cell is therefore measured with each arm alone in alternating fresh processes. That
is less precise than a session, so it asks only whether a gain worth having is ruled out there.
"""

from collections.abc import Iterable, Iterator

from ace.decide import commands
from ace.decide.cells import Cell
from ace.decide.estimates import CellEstimate, forbidding
from ace.decide.skeptic.bounds import answering
from ace.domain.finding import Finding, Outcome, Severity
from ace.domain.isolated import ISOLATED_SESSIONS, Isolated
from ace.domain.plan import DEVELOPMENT
from ace.domain.policy import Policy
from ace.domain.wording import percent, percent_within
from ace.stats import compare

NAME = "interference"
ALTERNATING = "alternating"


def interference(cells: Iterable[CellEstimate], policy: Policy) -> Iterator[Finding]:
    """Every cell whose arms were timed alone; once NO_EVIDENCE where there is none."""
    cells = tuple(cells)
    threshold = f"alone in its processes the candidate's gain is not known to be under {percent(policy.gain_floor)}"
    found = [cell for cell in cells if _asked(cell.cell)]
    for cell in found:
        yield _judged(cell, threshold, policy)
    if not found:
        step = _step(cells)
        shown = "no cell was measured with each arm alone"
        # a warning: what nobody asked for keeps no claim from acceptance; what was asked for and failed does
        yield Finding(NAME, Outcome.NO_EVIDENCE, Severity.WARN, None, shown, threshold, step)


def _asked(cell: Cell) -> list[Isolated]:
    """What was measured of a cell's arms alone, as far as it was asked for."""
    return [record.isolated for record in cell.records if record.isolated is not None]


def _pairs(cell: Cell) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Baseline and candidate of every pair, of all measurements."""
    return [(pair.baseline_s, pair.candidate_s) for isolated in _asked(cell) for pair in isolated.pairs]


def _judged(cell: CellEstimate, threshold: str, policy: Policy) -> Finding:
    pairs = _pairs(cell.cell)
    failures = [text for isolated in _asked(cell.cell) for text in isolated.failures]
    odd = [error for isolated in _asked(cell.cell) for pair in isolated.pairs if (error := pair.output_error)]
    lost = f"; {len(failures)} pairs failed, the first: {failures[0]}" if failures else ""
    answer = answering(NAME, cell.key, threshold)
    if any(not error <= policy.output_tolerance for error in odd):
        shown = f"alone the candidate answers otherwise than the outputs that were scored, by up to {max(odd):.2g}"
        shown += "; the time of one answer says nothing of another"
        return answer(Outcome.FAIL, shown, "make it compute the same wherever it runs")
    if 2 * len(failures) > len(pairs) + len(failures):
        shown = f"{len(pairs)} pairs{lost}"
        step = "mend what fails when an arm is alone, and measure again"
        return answer(Outcome.NO_EVIDENCE, shown, step)
    baseline, candidate = ([pair[arm] for pair in pairs] for arm in (0, 1))
    alone = compare(baseline, candidate, margin=policy.margin, confidence=1 - 2 * cell.alpha, order=ALTERNATING)
    unfit = forbidding(alone)
    if alone.low is None or alone.high is None:
        why = ", ".join(unfit) or "no interval"
        return answer(Outcome.NO_EVIDENCE, f"{len(pairs)} pairs: {why}{lost}", _again(cell.cell))
    shown = f"alone the candidate gains {percent_within(alone.gain, alone.low, alone.high)} in {len(pairs)} pairs{lost}"
    if cell.bounds.gain is not None:
        shown += f", beside its baseline {percent(cell.bounds.gain)}"
    if alone.high < policy.gain_floor:  # however restless: noise leaves a cell open, it does not acquit it
        shown += "; what its neighbour loses is no gain of its own"
        step = "find out what the candidate does to its neighbour (threads, memory, caches), and measure it alone again"
        return answer(Outcome.FAIL, shown, step)
    if unfit:
        return answer(Outcome.NO_EVIDENCE, f"{shown}: {', '.join(unfit)}", _again(cell.cell))
    low, high = cell.bounds.low, cell.bounds.high
    if low is not None and high is not None and (alone.high < low or high < alone.low):
        warn = answering(NAME, cell.key, threshold, Severity.WARN)
        return warn(Outcome.FAIL, shown, "quote the gain of whichever way it will be served")
    return answer(Outcome.PASS, shown)


def _step(cells: tuple[CellEstimate, ...]) -> str:
    """The command that measures one cell of the map with its arms alone."""
    development = [cell for cell in cells if cell.cell.split == DEVELOPMENT and cell.cell.sessions]
    gains = [cell for cell in development if cell.bounds.low is not None]
    if not gains:
        return "measure a cell with protocol=isolated"
    best = max(gains, key=lambda cell: cell.bounds.low or 0.0)
    return f"measure one cell with its arms alone: {_command(best.cell)}"


def _again(cell: Cell) -> str:
    return f"measure this cell with more pairs: {_command(cell)}"


def _command(cell: Cell) -> str:
    return f"{commands.measure_again([cell])} ++protocol.isolated_sessions={ISOLATED_SESSIONS}"
