"""Lies about what the arms did: work not saved, work not done, work moved out of sight, arms that were not alike."""

from dataclasses import replace

import numpy as np

from ace.domain.isolated import ISOLATED_SESSIONS, Isolated, IsolatedPair
from ace.domain.probes import Perturbed, Untouched
from ace.domain.record import CellRecord
from ace.domain.session import BASELINE, CANDIDATE, NULL, Session
from ace.domain.verdict import Verdict
from tests.deceptions.case import Case, Told
from tests.deceptions.changes import (
    of_arm,
    of_checks,
    of_probes,
    of_visits,
    of_witness,
    sessions,
    timed,
    walls_of,
    with_arm,
    with_walls,
)
from tests.deceptions.way import FULL, PRUNING, Change, Idea, walk
from tests.unit.decide.table import GAIN

INVALID = Verdict.INVALID


def lie(change: Change, idea: Idea = PRUNING) -> Told:
    return Told(walk(idea, change).evidence())


def faster(by: float, arm: str = CANDIDATE) -> Change:
    """So much less time (a log) in all calls of an arm."""

    def scaled(walls: dict[str, np.ndarray], _: np.random.Generator, __: Session) -> None:
        walls[arm] = walls[arm] * np.exp(-by)

    return timed(scaled)


SILENT = replace(PRUNING, declared=None)


def silent_pruning() -> Told:
    return Told(walk(SILENT).evidence())


def declared_otherwise(session: Session) -> Session:
    return replace(session, declared_tokens_per_layer=FULL) if session.index == 3 else session


def two_baselines(session: Session) -> Session:
    return replace(session, baseline_digest="weights of its own") if session.index > 5 else session


def a_slower_baseline(session: Session) -> Session:
    """The candidate's hooks slow the model down once they are there: all arms that run through it."""
    found = session.probes.untouched
    slowed = found and Untouched(tuple(s / 1.3 for s in found.before_s), found.after_s)
    return replace(session, probes=replace(session.probes, untouched=slowed))


def replaced_clock(session: Session) -> Session:
    clock = replace(session.probes.clock, replaced=("time.perf_counter",))
    return replace(session, probes=replace(session.probes, clock=clock))


def slow_clock(session: Session) -> Session:
    """The candidate's clock runs slow: the parent saw three times as long pass."""
    return replace(session, probes=replace(session.probes, clock=replace(session.probes.clock, parent_s=6.0)))


def slow_in_disguise(session: Session) -> Session:
    """Both calls of a disguised visit are slow, so that nothing looks cached."""
    visits = tuple(
        replace(v, fresh_s=2 * v.fresh_s, again_s=2 * v.again_s) if v.arm == CANDIDATE else v
        for v in session.probes.visits
    )
    return replace(session, probes=replace(session.probes, visits=visits))


def busy_children(session: Session) -> Session:
    return replace(session, probes=replace(session.probes, company=replace(session.probes.company, children_s=1.2)))


def hidden_threads(session: Session) -> Session:
    walls = walls_of(session)
    return with_walls(session, walls, {arm: 2 * wall if arm == CANDIDATE else wall for arm, wall in walls.items()})


def plain_order(session: Session) -> Session:
    """The baseline always first."""
    return replace(session, order=(session.order[0],) * len(session.order))


def slowed_baseline(walls: dict[str, np.ndarray], rng: np.random.Generator, session: Session) -> None:
    """The named baseline is not the model: the null arm, prepared by the same code, is as fast as the candidate."""
    walls[NULL] = walls[CANDIDATE] * np.exp(rng.normal(0, 0.01, len(session.order)))


def unseen_outputs(session: Session) -> Session:
    return replace(session, checks=())


def with_sham(record: CellRecord) -> CellRecord:
    """As an executor that has one: it costs 1 % and saves nothing."""
    record = with_arm("sham", -0.01)(record)

    def known(session: Session) -> Session:
        absent = tuple(pair for pair in session.probes.absent if pair[0] != "sham")
        return replace(session, probes=replace(session.probes, has_sham=True, absent=absent))

    return sessions(known)(record)


def each_alone(gain: float) -> Change:
    """Ten pairs of processes with one arm each, in which the candidate has this gain (a log)."""

    def measured(record: CellRecord) -> CellRecord:
        dice = np.random.default_rng(5)

        def seconds(of: float) -> tuple[float, ...]:
            return tuple((0.025 * np.exp(-of + dice.normal(0, 0.005) + dice.normal(0, 0.01, 12))).tolist())

        pairs = tuple(
            IsolatedPair(i, (BASELINE, CANDIDATE)[i % 2], seconds(0.0), seconds(gain), "documents", record.started_at)
            for i in range(ISOLATED_SESSIONS)
        )
        return replace(record, isolated=Isolated(ISOLATED_SESSIONS, pairs, ()))

    return measured


def honest_alone() -> Told:
    return lie(each_alone(GAIN))


WITH_SHAM = replace(PRUNING, shows=with_sham)


def honest_sham() -> Told:
    return Told(walk(WITH_SHAM).evidence())


CASES = (
    Case("masking that is declared as dropping", "Tokens are masked; every layer still handles all of them.",
         ("mechanism absent",), INVALID, lambda: lie(of_witness(tokens_per_layer=FULL))),
    Case("another reduction in one session", "One session in ten declares, and does, something else.",
         ("mechanism absent",), INVALID, lambda: lie(sessions(declared_otherwise)), "in 2 different ways"),
    Case("a gain larger than the work removed", "30 % fewer FLOPs and twice as fast: the rest is skipped when timed.",
         ("too good",), INVALID, lambda: lie(faster(0.5)), "the work removed does not explain it"),
    Case("faster than the machine", "The FLOPs seen at dispatch, in 2 ms, are 340 GFLOP/s on a machine that does 250.",
         ("too good",), INVALID, lambda: lie(faster(2.4), SILENT), "of what the machine can do", truth=silent_pruning),
    Case("timed is not scored", "Timed calls return something else than the calls that are scored.",
         ("timed is not scored",), INVALID, lambda: lie(of_checks(scored_error=0.3))),
    Case("timed is not recomputed", "Timed calls return something else than a later call on the same input.",
         ("timed is not scored",), INVALID, lambda: lie(of_checks(recomputed_error=0.3))),
    Case("outputs that nobody kept", "No output of a timed call was kept, so nothing says that it computed.",
         ("timed is not scored",), Verdict.INCONCLUSIVE, lambda: lie(sessions(unseen_outputs))),
    Case("a baseline with other weights", "In some sessions the baseline is another model.",
         ("touched baseline",), INVALID, lambda: lie(sessions(two_baselines))),
    Case("a baseline slowed by the candidate's hooks", "Once the candidate is prepared, the baseline is 30 % slower.",
         ("touched baseline",), INVALID, lambda: lie(sessions(a_slower_baseline)), "slower than before"),
    Case("a global setting changed", "The candidate's prepare turns a fast path of torch off, for all arms.",
         ("touched baseline",), INVALID, lambda: lie(of_probes(state_changed=("flash attention off",)))),
    Case("a function of torch replaced", "The candidate puts a slower softmax into torch.",
         ("touched baseline",), INVALID, lambda: lie(of_probes(functions_changed=("torch.softmax",)))),
    Case("a clock replaced", "The candidate's module puts a clock of its own in the place of time.perf_counter.",
         ("clock",), INVALID, lambda: lie(sessions(replaced_clock)), "time.perf_counter"),
    Case("a clock that runs slow", "A session counts 2 s while its parent sees 6 s pass.",
         ("clock",), INVALID, lambda: lie(sessions(slow_clock))),
    Case("results cached between calls", "A repeated input is answered from memory.",
         ("cached",), INVALID, lambda: lie(of_visits(CANDIDATE, lambda s: s / 3, "again_s"))),
    Case("fast only while it is timed", "Calls through another function at another rate take twice as long.",
         ("disguise",), INVALID, lambda: lie(sessions(slow_in_disguise))),
    Case("other answers in disguise", "A repeated call answers otherwise than the first.",
         ("disguise",), INVALID, lambda: lie(of_visits(CANDIDATE, lambda _: 0.2, "again_error"))),
    Case("input cut short without a word", "A third of the tokens is never read, and nothing says so.",
         ("truncated",), INVALID, lambda: lie(of_probes(perturbed=Perturbed(6, 2, 0.0)))),
    Case("work that goes on after the call", "The call returns early and a thread finishes the work.",
         ("late work",), INVALID, lambda: lie(of_visits(CANDIDATE, lambda _: 0.018, "busy_s"))),
    Case("outputs that change after the call", "The returned tensor is filled in later.",
         ("late work",), INVALID, lambda: lie(of_visits(CANDIDATE, lambda _: 0.5, "late_error"))),
    Case("work done by a child process", "A helper process computes during the timed rounds.",
         ("late work",), INVALID, lambda: lie(sessions(busy_children))),
    Case("the sham gains as much", "The idea's cost without its saving is as fast as the idea.",
         ("sham wins",), INVALID, lambda: lie(faster(0.11, "sham"), WITH_SHAM), truth=honest_sham),
    Case("a gain that its neighbour pays for", "It gains 13 % beside the baseline and nothing when each arm is alone.",
         ("interference",), INVALID, lambda: lie(each_alone(0.0)), "alone the candidate gains", truth=honest_alone),
    Case("more threads after preparing", "The candidate sets four threads for itself.",
         ("parity",), INVALID, lambda: lie(of_arm(threads_after=4)), "threads"),
    Case("more threads only while it is timed", "Four threads around the timed calls, one before and after.",
         ("parity",), INVALID, lambda: lie(of_arm(threads_most=4)), "threads"),
    Case("hidden threads", "The candidate's calls spend twice the processor time that its thread can.",
         ("parity", "late work"), INVALID, lambda: lie(sessions(hidden_threads)), "processor time"),
    Case("another number type, undeclared", "The candidate computes in bfloat16 and says nothing.",
         ("parity",), INVALID, lambda: lie(of_arm(dtypes=("bfloat16",))), "dtype"),
    Case("another attention kernel, undeclared", "The candidate alone runs through the fast kernel.",
         ("parity",), INVALID, lambda: lie(of_arm(attention_backends=("math",))), "attention kernel"),
    Case("the baseline always first", "No block is mirrored, so that drift is a gain.",
         ("parity",), INVALID, lambda: lie(sessions(plain_order)), "order"),
    Case("a baseline slower than itself", "The timed baseline is slower than the same model prepared again.",
         ("instrument",), INVALID, lambda: lie(timed(slowed_baseline)), "seems to differ from itself"),
)  # fmt: skip
