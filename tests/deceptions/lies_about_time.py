"""Lies about timings and sessions: which were kept, how they were taken, how often somebody looked."""

from dataclasses import replace

import numpy as np

from ace.domain.plan import OBRIEN_FLEMING, Protocol
from ace.domain.record import CellRecord, Failure, Look
from ace.domain.session import BASELINE, CANDIDATE, NULL, Session
from ace.domain.stored import StoredCell
from ace.domain.verdict import Verdict
from tests.deceptions.case import Case, Told
from tests.deceptions.changes import in_turn, of_plan, sessions, timed, walls_of, with_walls
from tests.deceptions.lies_about_energy import by_counter, saving
from tests.deceptions.lies_about_energy import lie as board_lie
from tests.deceptions.way import PRUNING, Change, measured, plan_of, walk
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN

INVALID, INCONCLUSIVE = Verdict.INVALID, Verdict.INCONCLUSIVE
Walls = dict[str, np.ndarray]


def lie(change: Change) -> Told:
    return Told(walk(lie=change).evidence())


def no_gain(walls: Walls) -> None:
    """What is left of the candidate when it saves nothing."""
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(GAIN)


def chilled(walls: Walls, cold: np.ndarray) -> None:
    for arm in set(walls) - {CANDIDATE}:
        walls[arm] = walls[arm] * cold


def cold_baseline(walls: Walls, _: np.random.Generator, session: Session) -> None:
    """The candidate was called before and does nothing; the other arms meet their first calls on the clock."""
    no_gain(walls)
    chilled(walls, np.exp(0.5 * np.exp(-np.arange(len(session.order)) / 0.8)))


def never_warm(walls: Walls, _: np.random.Generator, session: Session) -> None:
    """A warm-up longer than the session: the candidate does nothing, the others become as fast in the end."""
    no_gain(walls)
    chilled(walls, np.exp(0.3 * np.exp(-np.arange(len(session.order)) / 6)))


def fading(walls: Walls, _: np.random.Generator, session: Session) -> None:
    """The gain is 27 % in the first rounds and nothing in the last."""
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(np.linspace(-0.12, 0.12, len(session.order)))


def two_of_ten(walls: Walls, _: np.random.Generator, session: Session) -> None:
    """No gain in eight sessions, a large one in two: the mean is that of an honest claim."""
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(GAIN - (0.6 if session.index in (2, 7) else 0.0))


def split_vote(walls: Walls, _: np.random.Generator, session: Session) -> None:
    """Eight sessions win, two lose a little: as a coin would in one case of eighteen."""
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(GAIN - (-0.005 if session.index in (1, 6) else 0.12))


def slow_sessions_dropped(record: CellRecord) -> CellRecord:
    kept = sorted(record.sessions, key=lambda s: sum(s.wall_s(CANDIDATE)))[:8]
    return replace(record, sessions=tuple(sorted(kept, key=lambda s: s.index)))


def candidates_failures(record: CellRecord) -> CellRecord:
    """Its slow sessions are made to die: eight failures, all of them the candidate's."""
    more = b.honest(GAIN, replace(record.plan, protocol=replace(record.plan.protocol, sessions=18)))
    died = tuple(Failure(i, "timed", "raised", CANDIDATE, "out of memory") for i in range(10, 18))
    kept = tuple(s for s in record.sessions)
    return replace(record, plan=more.plan, sessions=kept, failures=died)


def slow_rounds_dropped(session: Session) -> Session:
    """The two rounds in which the candidate was slowest are left out, for all arms."""
    worst = set(np.argsort(session.wall_s(CANDIDATE))[-2:].tolist())
    kept = [i for i in range(len(session.order)) if i not in worst]
    timings = tuple(
        replace(t, wall_s=tuple(t.wall_s[i] for i in kept), cpu_s=tuple(t.cpu_s[i] for i in kept))
        for t in session.timings
    )
    inputs = tuple(session.inputs[i] for i in kept)
    order = tuple(session.order[i % 2] for i in range(len(kept)))
    kept_of = replace(session, inputs=inputs, timings=timings, order=order)
    return b.with_digests(replace(b.record(sessions=1), sessions=(kept_of,))).sessions[0]


def fewer_rounds_in_one_arm() -> Told:
    """Outliers left out of one arm alone give a record that cannot be read: arms differ in their number of timings."""
    way = walk()

    def unreadable(cell: StoredCell) -> StoredCell:
        why = "record.json: session 0: timings, order and inputs differ in number: {11, 12}"
        return replace(cell, record=None, problem=why, baseline=None)

    opened = tuple(map(unreadable, way.opened))
    return Told(replace(way, opened=opened).evidence())


def one_session_ten_times(record: CellRecord) -> CellRecord:
    return replace(record, sessions=tuple(replace(record.sessions[0], index=i) for i in range(len(record.sessions))))


def one_timing_written(walls: Walls, _: np.random.Generator, __: Session) -> None:
    walls[CANDIDATE] = np.full_like(walls[CANDIDATE], np.median(walls[CANDIDATE]))


def hard_coded_baseline(walls: Walls, _: np.random.Generator, __: Session) -> None:
    """Every session has the same time of the baseline, that nobody measured in it."""
    walls[BASELINE] = np.full_like(walls[BASELINE], 0.028)
    walls[NULL] = np.full_like(walls[NULL], 0.028)


def outliers_overwritten(walls: Walls, rng: np.random.Generator, session: Session) -> None:
    """Every fourth call of the candidate takes twice as long, as guardrails would see; whatever is slower than its
    median becomes the median."""
    walls[CANDIDATE] = walls[CANDIDATE] * np.where(rng.permutation(len(session.order)) % 4 == 0, 2.0, 1.0)
    walls[CANDIDATE] = np.minimum(walls[CANDIDATE], np.sort(walls[CANDIDATE])[len(walls[CANDIDATE]) // 2])


def stopped_when_it_won(record: CellRecord) -> CellRecord:
    return replace(record, sessions=record.sessions[:7])


SEQUENTIAL = Protocol("sequential", 20, 12, 3, 0.001, 1, 900.0, OBRIEN_FLEMING)


def looked_at(sessions_seen: int, settled: bool, measured_sessions: int) -> Change:
    """A sequential protocol of 20 sessions that stopped early, as its looks say."""

    def change(record: CellRecord) -> CellRecord:
        made = replace(record, plan=replace(record.plan, protocol=SEQUENTIAL))
        look = Look(sessions_seen, "faster", 0.1, 0.14, settled)
        return replace(made, sessions=record.sessions[:measured_sessions], looks=(look,))

    return change


def sequential() -> Told:
    return lie(looked_at(8, True, 8))


def plan_fitted_to_what_is_there() -> Told:
    """Seven sessions were measured until it won; the record's plan is then made to say seven."""
    fitted = in_turn(stopped_when_it_won, of_plan(protocol=replace(b.plan().protocol, sessions=7)))
    way = walk(lie=fitted)
    planned = replace(b.plan().protocol, sessions=10)

    def as_begun(cell: StoredCell) -> StoredCell:
        return replace(cell, plan=cell.plan and replace(cell.plan, protocol=planned))

    return Told(replace(way, explored=tuple(map(as_begun, way.explored))).evidence())


def coarse_clock(session: Session) -> Session:
    return replace(session, environment=replace(session.environment, clock_resolution_s=0.016))


def repeated_until_it_wins() -> Told:
    """A candidate that does nothing is measured five times; all of it is in the store."""
    null = replace(PRUNING, gain=0.0, gains=(), scores=())
    tries = [
        b.stored(measured(null, plan_of(null, 64, 1, split, seed), seed=seed), f"{split}-{seed}")
        for seed in range(5)
        for split in ("development", "validation")
    ]
    return Told(b.evidence(*tries))


def drifting(walls: Walls, _: np.random.Generator, session: Session) -> None:
    for arm in walls:
        walls[arm] = walls[arm] * np.exp(np.linspace(0, 0.2, len(session.order)))


def scattered(walls: Walls, rng: np.random.Generator, session: Session) -> None:
    """Half of the candidate's blocks are slow and half fast, by chance."""
    blocks = rng.permutation(np.repeat([-0.14, 0.14], len(session.order) // 4))
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(np.repeat(blocks, 2))


def disagreeing(walls: Walls, _: np.random.Generator, session: Session) -> None:
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(0.06 if session.index % 2 else -0.06)


def second_gains(walls: Walls, _: np.random.Generator, session: Session) -> None:
    """Whoever runs after the other finds its inputs warm: .08 between the two orders."""
    later = np.array([row.index(CANDIDATE) > row.index(BASELINE) for row in session.order])
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(np.where(later, -0.04, 0.04))


def hot_hours(walls: Walls, _: np.random.Generator, session: Session) -> None:
    """The gain changes slowly from session to session: heat, another tenant."""
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(0.03 * (session.index - 4.5) / 4.5)


def below_a_millisecond(session: Session) -> Session:
    """A fiftieth of the work in a fiftieth of the time."""
    seen = tuple(
        replace(
            w, flops_by_dtype=tuple((kind, count // 50) for kind, count in w.flops_by_dtype or ()), least_bytes=10**6
        )
        for w in session.witness
    )
    return with_walls(replace(session, witness=seen), {arm: wall / 50 for arm, wall in walls_of(session).items()})


def slow_beside_its_board(session: Session) -> Session:
    """The candidate saves nothing: its calls are short by the clock of the session, and not by that of the board."""
    by_board = {t.arm: np.exp(GAIN if t.arm == CANDIDATE else 0.0) for t in session.timings}
    dated = (replace(t, device_s=tuple((by_board[t.arm] * np.array(t.wall_s)).tolist())) for t in session.timings)
    return replace(session, timings=tuple(dated))


CASES = (
    Case("warm against cold", "The candidate saves nothing and was called before; the others start cold on the clock.",
         ("gain", "fairness", "holdout"), Verdict.REJECTED_NO_GAIN, lambda: lie(timed(cold_baseline))),
    Case("warm against a warm-up that never ends", "The same with a warm-up longer than the session.",
         ("unsteady",), INCONCLUSIVE, lambda: lie(timed(never_warm))),
    Case("a gain that fades within sessions", "27 % in the first rounds, nothing in the last.",
         ("unsteady",), INCONCLUSIVE, lambda: lie(timed(fading))),
    Case("a gain in two sessions of ten", "Eight sessions show nothing; two show so much that the mean is a claim.",
         ("imprecise",), INCONCLUSIVE, lambda: lie(timed(two_of_ten))),
    Case("sessions that disagree about the sign", "Eight sessions win, two lose, as a coin may.",
         ("heterogeneous",), INCONCLUSIVE, lambda: lie(timed(split_vote))),
    Case("failed trials dropped", "The two slowest sessions of the candidate are not in the record.",
         ("complete",), INVALID, lambda: lie(slow_sessions_dropped), "neither measured nor failed"),
    Case("failures that prefer the candidate", "Eight sessions died, each while the candidate ran.",
         ("complete",), INVALID, lambda: lie(candidates_failures), "24 of them the candidate"),
    Case("slow rounds dropped", "The rounds in which the candidate was slowest are left out, for all arms.",
         ("complete",), INVALID, lambda: lie(sessions(slow_rounds_dropped)), "10 of 12 rounds"),
    Case("outliers left out of one arm", "The candidate has fewer timings than the baseline.",
         ("integrity",), INVALID, fewer_rounds_in_one_arm, "differ in number"),
    Case("outliers of one arm overwritten", "Whatever of the candidate is slower than its median becomes the median.",
         ("integrity",), INVALID, lambda: lie(timed(outliers_overwritten)), "one timing written many times"),
    Case("one trial copied ten times", "One session stands in the record ten times.",
         ("integrity",), INVALID, lambda: lie(one_session_ten_times), "repeated to the last digit"),
    Case("one timing written many times", "The candidate's median stands in the place of each of its timings.",
         ("integrity",), INVALID, lambda: lie(timed(one_timing_written)), "one timing written many times"),
    Case("a hard-coded baseline", "The baseline's time is a constant that nobody measured in these sessions.",
         ("integrity",), INVALID, lambda: lie(timed(hard_coded_baseline)), "one timing written many times"),
    Case("stopped when it was significant", "Ten sessions were planned; seven were measured, and it won.",
         ("complete",), INVALID, lambda: lie(stopped_when_it_won), "neither measured nor failed"),
    Case("a look that settled nothing", "A sequential cell stops after a look that asked for more.",
         ("complete",), INVALID, lambda: lie(looked_at(8, False, 8)), "neither measured nor failed", sequential),
    Case("a look at other sessions", "A sequential cell shows eight sessions; its look saw seven.",
         ("complete",), INVALID, lambda: lie(looked_at(7, True, 8)), "neither measured nor failed", sequential),
    Case("a plan fitted to what is there", "The record's plan says seven sessions, that of the run says ten.",
         ("integrity",), INVALID, plan_fitted_to_what_is_there, "is not the plan of the run"),
    Case("repeated until it wins", "A candidate that does nothing is measured five times over.",
         ("gain",), Verdict.REJECTED_NO_GAIN, repeated_until_it_wins),
    Case("a clock too coarse", "A tick of 16 ms for calls of 25 ms.",
         ("provenance",), INCONCLUSIVE, lambda: lie(sessions(coarse_clock))),
    Case("a clock that runs slow beside its board", "Its calls are short by the clock of the session alone.",
         ("clock",), INVALID, lambda: board_lie(sessions(slow_beside_its_board), saving()), "by the clock of the board",
         by_counter),
    Case("drift", "Every arm slows down by 20 % over a session.",
         ("drift",), Verdict.ACCEPTED, lambda: lie(timed(drifting)), only_warns=True),
    Case("a noisy room", "Half of the candidate's blocks are 14 % slow, half 14 % fast.",
         ("dispersion",), Verdict.ACCEPTED, lambda: lie(timed(scattered)), only_warns=True),
    Case("one number for sessions that differ", "The gain is 6 % in every other session and 18 % in the rest.",
         ("heterogeneous",), Verdict.ACCEPTED, lambda: lie(timed(disagreeing)), only_warns=True),
    Case("whoever runs second gains", "The gain is 8 % larger in the rounds in which the candidate runs second.",
         ("order effect",), Verdict.ACCEPTED, lambda: lie(timed(second_gains)), only_warns=True),
    Case("sessions that resemble their neighbours", "The gain falls slowly from the first session to the last.",
         ("dependence",), Verdict.ACCEPTED, lambda: lie(timed(hot_hours)), only_warns=True),
    Case("timings below a millisecond", "Each timing is .5 ms of a clock that resolves a nanosecond.",
         ("resolution",), Verdict.ACCEPTED, lambda: lie(sessions(below_a_millisecond)), only_warns=True),
)  # fmt: skip
