"""The targets of the statistics beside what was measured: lines of docs/calibration.md, met or missed by how much.

Called by `benchmarks.calibration`. The design set the targets before anything was measured; on other machines
of noise they would come out a little differently, so a miss is written, not tuned away.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tests.calibration.characteristics import Rates, fixed, peeking, sweeps
from tests.calibration.noise import MACHINES

SMALL, LARGE = (10, 10), (20, 20)
ORACLE = {0.01: 0.76, 0.02: 0.91, 0.05: 1.0}  # told the best trimming and spared every warm-up


@dataclass(frozen=True, slots=True)
class Target:
    """`least`: whether the figure must be at least the bound rather than at most."""

    quantity: str
    bound: float
    least: bool
    measured: float

    def line(self) -> str:
        """A row of the table."""
        short = self.bound - self.measured if self.least else self.measured - self.bound
        verdict = "met" if short <= 0 else f"**missed by {100 * short:.1f} points**"
        sign = ">=" if self.least else "<="
        return f"| {self.quantity} | {sign} {self.bound:.1%} | {self.measured:.1%} | {verdict} |"


def target_table(many: int) -> list[str]:
    """Every target, from fresh data: `many` comparisons for each machine and figure."""
    rows = [*_false_claims(many), *_power(many), *_looking_again(many)]
    return ["| quantity | target | measured | |", "|---|---|---|---|", *(row.line() for row in rows)]


def _each(effect: float, many: int, shape: tuple[int, int], seed: int, margin: float = 0.0) -> list[Rates]:
    return [fixed(m, effect, many, shape, seed + i, margin=margin) for i, m in enumerate(MACHINES.values())]


def _over(rates: list[Rates], value: Callable[[Rates], float], summary: Callable[[list[float]], float]) -> float:
    return float(summary([value(r) for r in rates]))


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


def _false_claims(many: int) -> Iterator[Target]:
    null, margin = _each(0.0, many, SMALL, 1000), _each(0.0, many, SMALL, 1000, 0.01)
    yield Target("false claims, mean over machines", 0.06, False, _over(null, lambda r: r.claims, _mean))
    yield Target("false claims, worst machine", 0.06, False, _over(null, lambda r: r.claims, max))
    yield Target("false claims, 1 % margin, worst machine", 0.002, False, _over(margin, lambda r: r.claims, max))
    yield Target("coverage, mean (and at most 96 %)", 0.94, True, _over(null, lambda r: r.covered, _mean))
    yield Target("coverage, worst machine", 0.93, True, _over(null, lambda r: r.covered, min))
    yield Target("refused though settled, mean", 0.07, False, _over(null, lambda r: r.refused, _mean))


def _power(many: int) -> Iterator[Target]:
    for shape, repetitions, targets in (
        (SMALL, many, {0.01: 0.71, 0.02: 0.90, 0.05: 0.99}),
        (LARGE, many // 4, {0.01: 0.87, 0.02: 0.97, 0.05: 1.0}),
    ):
        for effect, bound in targets.items():
            seen = _each(effect, repetitions, shape, 2000)
            oracle = f", oracle {ORACLE[effect]:.0%}" if shape is SMALL else ""
            name = f"power at a true {effect:.0%}, {shape[0]}x{shape[1]}{oracle}"
            yield Target(name, bound, True, _over(seen, lambda r: r.right, _mean))
            if effect == min(targets):
                yield Target(f"wrong direction, {shape[0]}x{shape[1]}", 0.0, False, _over(seen, lambda r: r.wrong, max))


def _looking_again(many: int) -> Iterator[Target]:
    peeked = [peeking(m, 0.0, many // 2, (20, 10), 3000 + i)[0] for i, m in enumerate(MACHINES.values())]
    yield Target("false claims with a look after every session, mean", 0.05, False, _mean(peeked))
    yield Target("false claims with a look after every session, worst", 0.08, False, max(peeked))
    wins = [sweeps(m, [0.0] * 64, many // 8, 4000 + i)[0] for i, m in enumerate(MACHINES.values())]
    yield Target("any win among 64 null cells, mean", 0.05, False, _mean(wins))
    yield Target("any win among 64 null cells, worst", 0.06, False, max(wins))
    found = [sweeps(m, [0.05] * 8 + [0.0] * 56, many // 40, 5000 + i)[1] for i, m in enumerate(MACHINES.values())]
    yield Target("power for a true 5 % in 8 of 64 cells", 0.97, True, _mean(found))
