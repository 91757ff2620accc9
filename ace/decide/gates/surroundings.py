"""Part of gate parity: was every arm looked at, in one place, and with no more processors than it was given?

Cells of one claim that were measured on different machines are different claims, and so is a shape that was measured by
other libraries or settings on another split: what is accepted is then true of neither. Other ones among the cells of a
map are common while an idea is developed, and the skeptic's conditions warn of them.
"""

from ace.decide.asking import gate, named
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.domain.finding import Finding, Outcome
from ace.domain.plan import HOLDOUT, VALIDATION
from ace.domain.session import BASELINE, CANDIDATE, NULL, Environment, Session

NAME = "parity"
CLAIMED = {BASELINE, NULL, CANDIDATE}  # a rival may differ in whatever it likes
BUSY = 1.1  # times the threads given: clocks of wall and CPU are not read at the same instant


def seen(cells: tuple[CellEstimate, ...]) -> Finding:
    """What cannot be compared must not pass: the state of every timed arm was recorded."""
    blind = [
        f"{cell.key} session {session.index}: {named(missing)}"
        for cell in cells
        for session in cell.cell.sessions
        if (missing := sorted(({t.arm for t in session.timings} & CLAIMED) - {state.arm for state in session.arms}))
    ]
    threshold = "threads, dtype and kernels of every timed arm recorded"
    if blind:
        return gate(NAME, Outcome.NO_EVIDENCE, f"nothing recorded of {named(blind)}", threshold, "measure it again")
    return gate(NAME, Outcome.PASS, "every timed arm was looked at", threshold)


def one_place(dossier: Dossier) -> Finding:
    """The examined cells, and the same shapes on the other splits, on one host with one number of threads; and each
    shape by one set of libraries and settings."""
    shapes = {cell.key: _everywhere(dossier, cell) for cell in dossier.examined}
    places = {(e.host, e.cpu_model, e.threads) for found in shapes.values() for e in found}
    threshold = "one host and one number of threads for all cells of the claim, one set of libraries for each"
    shown = [f"{host} ({processor}, threads={threads})" for host, processor, threads in sorted(places)]
    step = "measure all cells of the claim in one place, under another experiment.name"
    if len(places) > 1:
        return gate(NAME, Outcome.NO_EVIDENCE, f"measured on {named(shown)}", threshold, step)
    if mixed := [f"{key}: {told}" for key, found in shapes.items() if (told := _differing(found))]:
        return gate(NAME, Outcome.NO_EVIDENCE, f"its sessions ran by more than one of {named(mixed)}", threshold, step)
    return gate(NAME, Outcome.PASS, f"measured on {named(shown) or 'no host'}", threshold)


def _everywhere(dossier: Dossier, cell: CellEstimate) -> list[Environment]:
    """Where the sessions of a shape ran, on whatever split."""
    elsewhere = (dossier.at(split, cell.cell.shape) for split in (VALIDATION, HOLDOUT))
    return [s.environment for found in (cell, *elsewhere) if found is not None for s in found.cell.sessions]


def _differing(places: list[Environment]) -> str:
    """Libraries and settings that some of them have and others have not, or in another version."""
    sets = [{*place.versions, *place.settings} for place in places]
    uneven = set[tuple[str, str]]().union(*sets) - set[tuple[str, str]].intersection(*sets) if sets else ()
    return ", ".join(f"{name} {value}" for name, value in sorted(uneven))


def processor_time(cells: tuple[CellEstimate, ...]) -> Finding:
    """CPU seconds per second of the candidate's timed calls: more than its threads can use is hidden threads or work
    that a call left behind, unless the baseline shows the same."""
    busy = []
    for cell in cells:
        for measurement in cell.cell.measurements:
            sessions, threads = measurement.record.sessions, measurement.record.plan.protocol.threads
            base, own = _usage(sessions, BASELINE), _usage(sessions, CANDIDATE)
            if base is not None and own is not None and own > BUSY * threads + max(0.0, base - threads):
                busy.append(f"{cell.key}: candidate {own:.2f}, baseline {base:.2f} at threads={threads}")
    threshold = f"CPU time of the candidate <= {BUSY:g} x threads x wall time, beyond what the baseline shows"
    if busy:
        step = "find the threads or the late work of the candidate, and let the timed call wait for them"
        return gate(NAME, Outcome.FAIL, f"processor time: {named(busy)}", threshold, step)
    return gate(NAME, Outcome.PASS, "processor time: the candidate uses no more than its threads", threshold)


def _usage(sessions: tuple[Session, ...], arm: str) -> float | None:
    """CPU over wall seconds of an arm, all its timed calls together."""
    timed = [t for session in sessions for t in session.timings if t.arm == arm]
    wall = sum(sum(t.wall_s) for t in timed)
    return sum(sum(t.cpu_s) for t in timed) / wall if wall else None
