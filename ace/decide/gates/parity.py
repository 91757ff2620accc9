"""Gate parity: did the arms differ in anything but the idea?

The arms of a session share one process, so libraries, device and clock state are the same by construction; what an arm
can still change for itself is compared here: threads, dtype, attention kernel, and the order it was timed in.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

from ace.decide.asking import gate, named, passed
from ace.decide.dossier import Dossier
from ace.decide.estimates import CellEstimate
from ace.decide.gates import surroundings
from ace.domain.finding import Finding, Outcome
from ace.domain.policy import Policy
from ace.domain.session import BASELINE, CANDIDATE, NULL, ArmState, Session
from ace.domain.workload import KERNELS

Look = Callable[[ArmState], tuple[object, ...]]

NAME = "parity"
ALL_ARMS = "leave the number of threads as it was given, and measure with more for every arm: protocol.threads=N"
DECLARE = "make the arms alike; where the idea is that difference, declare it: Work(changes=(...)) from declares()"


def parity(dossier: Dossier, _: Policy) -> Iterator[Finding]:
    """What the arms were seen to have, and the order they were timed in."""
    if not any(cell.cell.sessions for cell in dossier.cells):
        yield gate(
            NAME, Outcome.NO_EVIDENCE, "no session was measured", "arms alike in all but the idea", "measure a cell"
        )
        return
    yield surroundings.seen(dossier.cells)
    yield surroundings.one_place(dossier)
    yield surroundings.processor_time(dossier.cells)
    yield _alike(dossier.cells, "threads", _threads)
    yield _alike(dossier.cells, "dtype", lambda state: state.dtypes)
    yield _kernels(dossier.cells)
    yield _graphs(dossier.cells)
    yield _order(dossier.cells)
    yield gate(
        NAME,
        Outcome.NOT_APPLICABLE,
        "clock frequency is not observed; the arms are interleaved in one process and "
        "share it, and the null arm would show a leak",
        "equal clocks in all arms",
    )


def _alike(cells: tuple[CellEstimate, ...], what: str, look: Look) -> Finding:
    """One property, equal in all arms of every session (and before and after, for threads)."""
    differing = []
    seen: set[object] = set()
    for cell, session in _sessions(cells):
        values = {state.arm: look(state) for state in _compared(session, what)}
        seen |= set(values.values())
        if len(set(values.values())) > 1 or any(what == "threads" and len(set(v)) > 1 for v in values.values()):
            shown = ", ".join(f"{arm} {_shown(value)}" for arm, value in values.items())
            differing.append(f"{cell.key} session {session.index}: {shown}")
    arms = "every arm" + _except_declared(cells, what)
    evidence = f"{what}: " + (named(differing) if differing else f"{', '.join(sorted(map(_shown, seen)))} in {arms}")
    step = ALL_ARMS if what == "threads" else DECLARE
    return gate(NAME, passed(not differing), evidence, f"{what} equal in all arms", "" if not differing else step)


def _threads(state: ArmState) -> tuple[int, ...]:
    """Before the arms were prepared, around all its timed calls, and after them."""
    return state.threads_before, state.threads_least, state.threads_most, state.threads_after


def _kernels(cells: tuple[CellEstimate, ...]) -> Finding:
    """Attention kernels, where the counter at dispatch could follow the arm."""
    followed = [
        (cell, session)
        for cell, session in _sessions(cells)
        if session.witness and all(w.flops is not None for w in session.witness if w.arm in (BASELINE, CANDIDATE))
    ]
    if not followed:
        return gate(
            NAME,
            Outcome.NOT_APPLICABLE,
            "attention kernels: dispatch cannot be followed in these arms (compiled)",
            "attention kernel equal in all arms",
        )
    differing = []
    for cell, session in followed:
        kernels = {state.arm: state.attention_backends for state in _compared(session, KERNELS)}
        if len(set(kernels.values())) > 1:
            shown = ", ".join(f"{arm} {_shown(value)}" for arm, value in kernels.items())
            differing.append(f"{cell.key} session {session.index}: {shown}")
    evidence = "attention kernel: " + (named(differing) if differing else f"equal in {len(followed)} sessions")
    return gate(
        NAME, passed(not differing), evidence, "attention kernel equal in all arms", "" if not differing else DECLARE
    )


def _graphs(cells: tuple[CellEstimate, ...]) -> Finding:
    """CUDA graphs spare the launch of every kernel: in all arms or in none, whatever an idea declares."""
    asked, threshold = "CUDA graphs: ", "CUDA graphs in all arms or in none"
    on_boards = [(cell, s) for cell, s in _sessions(cells) if s.environment.on_board]
    if not on_boards:
        return gate(NAME, Outcome.NOT_APPLICABLE, f"{asked}the arms run on no CUDA board", threshold)
    used = [(f"{cell.key} session {s.index}", {a.arm: a.cuda_graphs for a in s.arms}) for cell, s in on_boards]
    apart = [
        f"{place}: {', '.join(f'{arm} {count}' for arm, count in counts.items())}"
        for place, counts in used
        if None not in counts.values() and len({bool(count) for count in counts.values()}) > 1
    ]
    if apart:
        step = "give the baseline its graphs too, or the candidate none"
        return gate(NAME, Outcome.FAIL, asked + named(apart), threshold, step)
    blind = [place for place, counts in used if None in counts.values()]
    if blind:
        return gate(NAME, Outcome.NO_EVIDENCE, f"{asked}not looked for in {named(blind)}", threshold, "measure again")
    return gate(NAME, Outcome.PASS, f"{asked}alike in {len(used)} sessions", threshold)


def _compared(session: Session, what: str) -> list[ArmState]:
    """The arms that must be alike: baseline, null, and a candidate that does not declare this very difference."""
    alike = (BASELINE, NULL) if what in session.declared_changes else (BASELINE, NULL, CANDIDATE)
    return [state for state in session.arms if state.arm in alike]


def _except_declared(cells: tuple[CellEstimate, ...], what: str) -> str:
    declared = any(what in session.declared_changes for _, session in _sessions(cells))
    return ", the candidate's declared to differ" if declared else ""


def _order(cells: tuple[CellEstimate, ...]) -> Finding:
    """Rounds 2k and 2k+1 mirror each other: without that, drift and candidate cannot be told apart."""
    unmirrored = [f"{cell.key} session {session.index}" for cell, session in _sessions(cells) if not mirrored(session)]
    return gate(
        NAME,
        passed(not unmirrored),
        "order: "
        + (
            f"{len(unmirrored)} sessions not in mirrored blocks: {named(unmirrored)}"
            if unmirrored
            else "every block mirrors the arms on the same inputs"
        ),
        "arms in mirrored blocks",
        "" if not unmirrored else "measure again with this version's order",
    )


def mirrored(session: Session) -> bool:
    """Whether every whole block is an order followed by its reverse."""
    blocks = list(pairwise(session.order))[::2]
    return all(tuple(reversed(first)) == second for first, second in blocks)


def _sessions(cells: tuple[CellEstimate, ...]) -> Iterator[tuple[CellEstimate, Session]]:
    return ((cell, session) for cell in cells for session in cell.cell.sessions)


def _shown(value: object) -> str:
    return "+".join(map(str, dict.fromkeys(value))) or "none" if isinstance(value, tuple) else str(value)
