"""Small changes to records from which lies and honest variants are made: every session, one arm, its probes."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ace.domain.plan import CellPlan
from ace.domain.record import CellRecord, MemoryUse
from ace.domain.session import BASELINE, CANDIDATE, Session, Timings
from tests import builders
from tests.deceptions.way import Change
from tests.unit.decide.table import each_session

Seconds = np.ndarray
Walls = Mapping[str, Seconds]


def sessions(change: Callable[[Session], Session]) -> Change:
    """Every session changed."""
    return lambda record: each_session(record, change)


def of_plan(**changes: object) -> Change:
    return lambda record: replace(record, plan=replace(record.plan, **changes))  # type: ignore[arg-type]


def of_benchmark(**changes: object) -> Callable[[CellPlan], CellPlan]:
    return lambda plan: replace(plan, benchmark=replace(plan.benchmark, **changes))  # type: ignore[arg-type]


def of_arm(arm: str = CANDIDATE, **changes: object) -> Change:
    """What was seen of the state of an arm."""
    return sessions(
        lambda s: replace(s, arms=tuple(replace(a, **changes) if a.arm == arm else a for a in s.arms))  # type: ignore[arg-type]
    )


def of_witness(arm: str = CANDIDATE, **changes: object) -> Change:
    return sessions(
        lambda s: replace(s, witness=tuple(replace(w, **changes) if w.arm == arm else w for w in s.witness))  # type: ignore[arg-type]
    )


def of_checks(**changes: object) -> Change:
    """Outputs that were kept from the candidate's timed calls."""
    return sessions(
        lambda s: replace(s, checks=tuple(replace(c, **changes) if c.arm == CANDIDATE else c for c in s.checks))  # type: ignore[arg-type]
    )


def of_probes(**changes: object) -> Change:
    return sessions(lambda s: replace(s, probes=replace(s.probes, **changes)))  # type: ignore[arg-type]


def of_visits(arm: str, change: Callable[[float], float], reading: str) -> Change:
    """One reading of the calls outside the timed rounds."""

    def changed(s: Session) -> Session:
        visits = tuple(
            replace(v, **{reading: change(getattr(v, reading))}) if v.arm == arm else v for v in s.probes.visits
        )
        return replace(s, probes=replace(s.probes, visits=visits))

    return sessions(changed)


def walls_of(session: Session) -> dict[str, Seconds]:
    return {t.arm: np.array(t.wall_s) for t in session.timings}


def with_walls(session: Session, walls: Walls, cpu: Mapping[str, Seconds] | None = None) -> Session:
    """The session with other timings, and everything else that an honest clock would then show."""
    cpu = walls if cpu is None else cpu
    made = {arm: tuple(np.asarray(wall, dtype=float).tolist()) for arm, wall in walls.items()}
    board = made if session.environment.on_board else {}
    timings = tuple(
        Timings(arm, made[arm], tuple(np.asarray(cpu[arm], dtype=float).tolist()), board.get(arm)) for arm in made
    )
    timed_s = sum(map(sum, made.values()))
    measuring_s = max(session.measuring_s, timed_s + 0.1)
    probes = builders.probes(session.index, made, measuring_s, session.probes.has_sham)
    return replace(session, timings=timings, timed_s=timed_s, measuring_s=measuring_s, probes=probes)


def timed(change: Callable[[dict[str, Seconds], np.random.Generator, Session], None]) -> Change:
    """`change` edits the seconds of each session, arm by arm, in place."""

    def edited(session: Session) -> Session:
        walls = walls_of(session)
        change(walls, np.random.default_rng([11, session.index]), session)
        return with_walls(session, walls)

    return sessions(edited)


def with_arm(name: str, gain: float) -> Change:
    """One more arm in every round, with a known true gain over the baseline."""

    def added(session: Session) -> Session:
        walls = walls_of(session)
        rng = np.random.default_rng([13, session.index])
        own = np.median(walls[BASELINE]) * np.exp(
            -gain + rng.normal(0, 0.004) + rng.normal(0, 0.01, len(session.order))
        )
        first = (*session.order[0], name)
        order = tuple(first if r % 2 == 0 else first[::-1] for r in range(len(session.order)))
        seconds = Timings(name, tuple(own.tolist()), tuple(own.tolist()))
        return replace(session, timings=(*session.timings, seconds), order=order)

    return sessions(added)


def using_memory(candidate: float, baseline: float = 200.0, processes: int = 1) -> Change:
    """Peak resident megabytes of each arm alone."""
    uses = tuple(
        MemoryUse(arm, round((size + i) * 1_000_000), None)
        for arm, size in ((BASELINE, baseline), (CANDIDATE, candidate))
        for i in range(processes)
    )
    return lambda record: replace(record, memory=uses)


def in_turn(*changes: Change) -> Change:
    def all_of(record: CellRecord) -> CellRecord:
        for change in changes:
            record = change(record)
        return record

    return all_of
