"""Operating characteristics of `ace.stats` on machines with known truth: how often it is right, wrong, or silent.

Used by the short calibration (tests) and the long one (benchmarks/calibration.py).  `judge_many` takes the same steps
as `compare`, many comparisons at a time, because the public door judges one.
"""

import math
from dataclasses import dataclass

import numpy as np

from ace.domain.estimate import Answer, Comparison
from ace.stats.boundaries import nominal_level
from ace.stats.cells import compare_cells
from ace.stats.paired import conclude, own_yardstick
from ace.stats.sessions import MIN_SESSIONS, gather
from tests.calibration.noise import FloatArray, Machine, draw

LEVEL = 1 - 0.95  # as `compare` computes it, to the last bit
STEADY = "not steady"


def judge_many(b: FloatArray, c: FloatArray, *, margin: float, level_now: float = LEVEL) -> list[Comparison]:
    """One comparison for each (sessions, rounds) table.  (many, sessions, rounds) twice."""
    evidence = gather(list(zip(np.log(b), np.log(c), strict=True)), margin, "interleaved")
    return [conclude(e, own_yardstick(e, level_now, LEVEL), margin) for e in evidence]


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of many comparisons at one true effect; `right`, `wrong` and `covered` among those the guard let through,
    `claims` among all."""

    refused: float
    claims: float
    right: float
    wrong: float
    covered: float


def rates(comparisons: list[Comparison], effect: float) -> Rates:
    """How a list of comparisons of the same truth came out; a null effect has no right answer but coverage."""
    let_through = [c for c in comparisons if STEADY not in c.reasons]
    n = max(len(let_through), 1)
    gain = math.log1p(effect)
    claims = sum(c.answer in (Answer.FASTER, Answer.SLOWER) for c in comparisons)
    return Rates(
        refused=1 - len(let_through) / len(comparisons),
        claims=claims / len(comparisons),
        right=sum(c.answer is Answer.FASTER for c in let_through) / n,
        wrong=sum(c.answer is Answer.SLOWER for c in let_through) / n,
        covered=sum(c.low is not None and c.high is not None and c.low <= gain <= c.high for c in let_through) / n,
    )


def fixed(machine: Machine, effect: float, many: int, shape: tuple[int, int], seed: int, *, margin: float) -> Rates:
    """A fixed design of (sessions, rounds)."""
    b, c = draw(machine, effect, many, *shape, np.random.default_rng(seed))
    return rates(judge_many(b, c, margin=margin), effect)


def peeking(machine: Machine, effect: float, many: int, shape: tuple[int, int], seed: int) -> tuple[float, float]:
    """Share that ever claims with a look after every session, and the mean sessions spent."""
    b, c = draw(machine, effect, many, *shape, np.random.default_rng(seed))
    running = np.arange(many)
    spent = np.full(many, shape[0])
    for looks in range(MIN_SESSIONS, shape[0] + 1):
        level = nominal_level(looks, shape[0], 1 - LEVEL)
        seen = judge_many(b[running, :looks], c[running, :looks], margin=0.0, level_now=level)
        stopped = np.array([s.answer is not Answer.INCONCLUSIVE for s in seen])
        spent[running[stopped]] = looks
        running = running[~stopped]
        if not len(running):
            break
    return 1 - len(running) / many, float(spent.mean())


def sweeps(machine: Machine, effects: list[float], many: int, seed: int) -> tuple[float, float]:
    """Share of grids of 10 x 10 cells with at least one wrong claim, and the power where there is an effect."""
    rng = np.random.default_rng(seed)
    gains = np.array(effects)
    wrong, found, possible = 0, 0, 0
    for _ in range(many):
        b, c = draw(machine, 0.0, len(gains), 10, 10, rng)
        answers = compare_cells(list(zip(b, c / (1 + gains[:, None, None]), strict=True)), margin=0.0)
        claims = np.array([a.answer in (Answer.FASTER, Answer.SLOWER) for a in answers])
        faster = np.array([a.answer is Answer.FASTER for a in answers])
        steady = np.array([STEADY not in a.reasons for a in answers])
        wrong += bool((claims & ~(faster & (gains > 0))).any())
        found += int((faster & steady & (gains > 0)).sum())
        possible += int((steady & (gains > 0)).sum())
    return wrong / many, found / max(possible, 1)
