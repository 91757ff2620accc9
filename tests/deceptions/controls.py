"""Honest controls: what was measured as it should be, on machines that misbehave a little, must reach its verdict.

A suite of deceptions alone would reward a judge that refuses everything. So whole families of honest claims (nothing,
planted losses and gains, ideas that help, ideas that do not) go the whole way on the machines of
`tests/calibration/noise.py`, with the one re-measurement that the launcher makes of a cell that is left open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from zlib import crc32

import numpy as np

from ace.decide.recheck import doubts_about
from ace.domain.plan import DEVELOPMENT, VALIDATION, CellPlan
from ace.domain.quality import Agreement
from ace.domain.record import CellRecord
from ace.domain.registration import Registration
from ace.domain.session import BASELINE, CANDIDATE, NULL
from ace.domain.stored import StoredCell
from ace.domain.verdict import Regime, Verdict
from ace.errors import PlanError
from tests.calibration.noise import MACHINES, Machine, draw_arms
from tests.deceptions.changes import in_turn, of_arm, of_plan, of_witness, sessions, using_memory, with_walls
from tests.deceptions.judged import ACCEPTING, ENERGY, MEMORY, SPEED, Judged, judged
from tests.deceptions.way import FULL, OPENED_AT, PRUNING, Change, Idea, measured, plan_of, register, sealed_plan
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r
from tests.unit.decide.powered import PACKAGES, powered
from tests.unit.decide.table import GAIN

MODERATE = (
    "quiet",
    "layout",
    "wide layout",
    "drift",
    "autocorrelated",
    "warm-up",
    "one arm warms",
    "sticky states",
    "bursts",
    "unequal spread",
    "second call",
)
"""Left out, because ten sessions often cannot answer there: pauses (one call of seven takes twice as long, so that the
p90 of guardrails lies on that edge), heavy tails and a bad day, which are several of these at once."""
CALL_S = 0.025


class Ending(Enum):
    """What became of an honest control. `BLOCKED`: any verdict that its truth denies; it must never happen."""

    REACHED, UNRESOLVED, BLOCKED = "reached", "unresolved", "blocked"


@dataclass(frozen=True)
class Family:
    """Controls of one truth. `expected`: the verdicts that it may reach; `whole_way`: registered and opened."""

    name: str
    idea: Idea
    expected: tuple[Verdict, ...]
    whole_way: bool = True
    scope: str = SPEED
    positive: bool | None = None


@dataclass(frozen=True)
class Control:
    """One family on one machine with one seed."""

    family: Family
    machine: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.family.name}, {self.machine}, seed {self.seed}"


def as_timed(record: CellRecord, machine: Machine, gains: Mapping[str, float], seed: int) -> CellRecord:
    """The record with all arms timed on this machine, order and probes included."""
    arms = [t.arm for t in record.sessions[0].timings]
    known = {BASELINE: 0.0, NULL: 0.0} | dict(gains)
    spot = [
        seed,
        crc32(record.plan.executor.target.encode()),
        record.plan.shape.seq_len,
        record.plan.shape.batch,
        len(record.split),
        record.plan.seed % 1000,
    ]
    rounds = record.plan.protocol.rounds
    true = [known[arm] for arm in arms]
    rng = np.random.default_rng(spot)
    seconds, place = draw_arms(machine, true, arms.index(CANDIDATE), len(record.sessions), rounds, rng, CALL_S)
    made = []
    for index, session in enumerate(record.sessions):
        order = tuple(tuple(arms[i] for i in np.argsort(place[:, index, turn])) for turn in range(rounds))
        walls = {arm: seconds[i, index] for i, arm in enumerate(arms)}
        made.append(with_walls(replace(session, order=order), walls))
    return replace(record, sessions=tuple(made))


def measured_on(control: Control, plan: CellPlan, again: int, started_at: float = 1000.0) -> CellRecord:
    idea = control.family.idea
    seed = 1000 * again + control.seed
    record = measured(idea, replace(plan, seed=plan.seed + again), seed)
    gains = dict(idea.gains) | {CANDIDATE: idea.gain}
    return b.at(as_timed(record, MACHINES[control.machine], gains, seed), started_at + 200 * again)


def cell_of(control: Control, plan: CellPlan, started_at: float = 1000.0) -> list[StoredCell]:
    """A cell as the launcher measures it: once, and once more where a rule leaves it unresolved."""
    name, policy = plan.benchmark.split, r.POLICY
    first = measured_on(control, plan, 0, started_at)
    cells = [b.stored(first, f"{name}-0")]
    if doubts_about(first, policy):
        cells.append(b.stored(measured_on(control, plan, 1, started_at), f"{name}-1"))
    return cells


@cache
def answer_to(control: Control) -> Judged:
    """The whole way of one control, as far as it comes."""
    idea = control.family.idea
    explored = [cell for split in (DEVELOPMENT, VALIDATION) for cell in cell_of(control, plan_of(idea, 64, 1, split))]
    registration = _registration(explored) if control.family.whole_way else None
    if registration is None:
        return judged(r.evidence(explored, None), r.POLICY, control.family.scope)
    look = r.look_of(registration)
    opened: list[StoredCell] = []
    for shape in registration.opened:
        plan = sealed_plan(idea, registration, look, shape.seq_len, shape.batch)
        opened += cell_of(control, plan, OPENED_AT)
    evidence = r.evidence([*explored, *opened], registration, (look,))
    return judged(evidence, r.POLICY, control.family.scope)


def _registration(explored: list[StoredCell]) -> Registration | None:
    try:
        return register(explored)
    except PlanError:
        return None


def ending_of(control: Control) -> Ending:
    found, family = answer_to(control), control.family
    if found.verdict in family.expected and _seen_where_it_is(found, family):
        return Ending.REACHED
    open_ends = (Verdict.EXPLORATORY, Verdict.INCONCLUSIVE)
    return Ending.UNRESOLVED if found.verdict in open_ends else Ending.BLOCKED


def _seen_where_it_is(found: Judged, family: Family) -> bool:
    if family.positive is None:
        return True
    cells = [cell for cell in found.decision.cells if cell.split == DEVELOPMENT]
    return all((cell.regime is Regime.POSITIVE) is family.positive for cell in cells)


def planted(arm: str) -> Change:
    return lambda record: replace(record, planted=arm)


def same_numbers(record: CellRecord) -> CellRecord:
    """Compiled: kernels of its own, the baseline's numbers, and nothing that dispatch could follow."""
    assert record.quality is not None
    n = len(record.quality.baseline)
    numbers = Agreement("float32", (1e-6,) * n, (2.0,) * n, (1,) * n)
    scores = replace(record.quality, candidate=record.quality.baseline, agreement=numbers)
    return replace(record, quality=scores)


COMPILED = in_turn(
    same_numbers,
    sessions(lambda s: replace(s, declared_equivalent=True, declared_changes=("kernels", "compiled"), prepare_s=12.0)),
    of_arm(attention_backends=()),
    of_witness(tokens_per_layer=None, flops_by_dtype=None, least_bytes=None, full_token_share=None),
)
INT8 = in_turn(
    sessions(lambda s: replace(s, declared_changes=("dtype",))),
    of_arm(dtypes=("float32", "qint8"), parameters=12_000_000),
    of_witness(flops_by_dtype=(("float32", 100_000_000), ("int8", 900_000_000)), least_bytes=15_000_000),
    of_plan(scopes=("speed", "memory")),
    using_memory(130.0, processes=3),
)
LOW_RANK = in_turn(
    of_arm(parameters=15_000_000),
    of_witness(flops_by_dtype=(("float32", 700_000_000),)),
    of_plan(scopes=("speed", "memory")),
    using_memory(160.0, processes=3),
)
WHOLE = {"declared": None, "tokens": FULL, "full_share": 0.99, "gains": (("compiled", 0.02),), "scores": ()}
MERGED = (60, 56, 52, 48, 44, 40)


def whole(target: str, **changes: object) -> Idea:
    """An idea that drops no token."""
    return Idea(**({"target": f"ace.executors.{target}", "parameters": ()} | WHOLE | changes))  # type: ignore[arg-type]


def rivals_at(gain: float) -> tuple[tuple[str, float], ...]:
    return ("truncation", gain), ("random", gain), ("compiled", 0.02)


NOTHING = whole("identity.Identity", gain=0.0)
YES, NO, HARM = ACCEPTING, (Verdict.REJECTED_NO_GAIN,), (Verdict.REJECTED_HARM,)
FAMILIES = (
    Family("the same program twice", NOTHING, NO, whole_way=False, positive=False),
    Family("a gain of 1 %", replace(NOTHING, gain=0.01), NO, whole_way=False, positive=False),
    Family("planted loss of 10 %", whole("planted.Planted", gain=-0.1, gains=(), shows=planted(CANDIDATE)), HARM,
           whole_way=False),
    Family("planted gain of 8 %", whole("planted.Planted", gain=0.08, gains=(), shows=planted(BASELINE)),
           (Verdict.EXPLORATORY,), whole_way=False, positive=True),
    Family("token pruning", PRUNING, YES),
    Family("token merging", replace(PRUNING, target="ace.executors.token_merging.TokenMerging", gain=0.09,
           declared=MERGED, tokens=MERGED, gains=rivals_at(0.09), difference=-0.003), YES),
    Family("threshold pruning", replace(PRUNING, target="ace.executors.token_pruning_threshold.TokenPruningThreshold",
           gain=0.15, declared=None, gains=rivals_at(0.15), difference=-0.005), YES),
    Family("compiled", whole("compiler_fusion.CompilerFusion", gain=0.14, gains=(), shows=COMPILED), YES),
    Family("int8", whole("int8_quantization.Int8Quantization", gain=0.2, difference=-0.004, shows=INT8), YES),
    Family("int8, less memory", whole("int8_quantization.Int8Quantization", gain=0.2, shows=INT8), YES, scope=MEMORY),
    Family("token pruning, less energy", replace(PRUNING, shows=powered(PACKAGES, speed=GAIN, device="cpu")), YES,
           scope=ENERGY),
    Family("low rank", whole("low_rank.LowRank", gain=0.1, difference=-0.006, shows=LOW_RANK), YES),
    Family("pruning that loses 8 points", replace(PRUNING, difference=-0.08), HARM, whole_way=False),
)  # fmt: skip
"""Thirteen truths. Pruning that is merely too aggressive is honest too: it must be told so."""
CONTROLS = tuple(Control(family, machine, seed) for family in FAMILIES for seed, machine in enumerate(MODERATE))
