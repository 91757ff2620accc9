"""The long calibration: writes docs/calibration.md and docs/pictures/power.png.

    python -m benchmarks.calibration [repetitions, default 1000]

ACE and the rules people use today, on the same machines with known truth; fixed seeds.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ace.domain.estimate import Answer
from ace.stats.sessions import MIN_SESSIONS
from benchmarks.targets import target_table
from tests.calibration.characteristics import fixed, judge_many, peeking, sweeps
from tests.calibration.noise import BUILD_BIAS, MACHINES, SLOW_WARM_UP, FloatArray, Machine, draw
from tests.calibration.rivals import RIVALS, Claims

DOCS = Path(__file__).resolve().parents[1] / "docs"
EFFECTS = (0.01, 0.02, 0.05, 0.10)
CURVE = (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.10, 0.12)
SHAPE = (10, 10)
Rule = Callable[[FloatArray, FloatArray], Claims]


def ace(b: FloatArray, c: FloatArray) -> Claims:
    """ACE at margin 0: +1 faster, -1 slower, 0 otherwise (a refusal claims nothing)."""
    sign = {Answer.FASTER: 1, Answer.SLOWER: -1}
    return np.array([sign.get(j.answer, 0) for j in judge_many(b, c, margin=0.0)])


@dataclass(frozen=True, slots=True)
class Row:
    """One rule, averaged over machines."""

    rule: str
    blocked: float
    false: float
    worst: float
    power: tuple[float, ...]
    wrong: float
    peeking: float
    best_of_64: float


def measure(name: str, rule: Rule, many: int) -> Row:
    """Every column of the comparison but the sequential design, which only ACE has."""
    null = [np.mean(claims(rule, machine, 0.0, many, i) != 0) for i, machine in enumerate(MACHINES.values())]
    blocked = [np.mean(claims(rule, m, 0.0, many // 4, i, blocked=True) != 0) for i, m in enumerate(MACHINES.values())]
    seen = {
        effect: np.concatenate([claims(rule, m, effect, many, 50 + i) for i, m in enumerate(MACHINES.values())])
        for effect in EFFECTS
    }
    if name == "ACE":
        blocked = [0.0]  # refused: `order="blocked"` is always inconclusive
        peeked = [peeking(m, 0.0, many // 3, (20, 10), 200 + i)[0] for i, m in enumerate(MACHINES.values())]
        best = [sweeps(m, [0.0] * 64, many // 20, 300 + i)[0] for i, m in enumerate(MACHINES.values())]
    else:
        peeked = [ever(rule, m, many // 5, 200 + i) for i, m in enumerate(MACHINES.values())]
        best = [any_win(rule, m, many // 20, 300 + i) for i, m in enumerate(MACHINES.values())]
    return Row(
        rule=name,
        blocked=float(np.mean(blocked)),
        false=float(np.mean(null)),
        worst=float(np.max(null)),
        power=tuple(float(np.mean(seen[effect] > 0)) for effect in EFFECTS),
        wrong=float(np.mean(np.concatenate(list(seen.values())) < 0)),
        peeking=float(np.mean(peeked)),
        best_of_64=float(np.mean(best)),
    )


def claims(rule: Rule, machine: Machine, effect: float, many: int, seed: int, *, blocked: bool = False) -> Claims:
    """Claims of one rule on fresh data; the same data for every rule."""
    return rule(*draw(machine, effect, many, *SHAPE, np.random.default_rng(seed), blocked=blocked))


def ever(rule: Rule, machine: Machine, many: int, seed: int) -> float:
    """Share that claims at any look, with a look after every session from the 6th to the 20th."""
    b, c = draw(machine, 0.0, many, 20, 10, np.random.default_rng(seed))
    looks = [rule(b[:, :n], c[:, :n]) != 0 for n in range(MIN_SESSIONS, 21)]
    return float(np.any(looks, axis=0).mean())


def any_win(rule: Rule, machine: Machine, many: int, seed: int) -> float:
    """Share of null sweeps of 64 cells with at least one claim."""
    found: npt.NDArray[np.bool_] = claims(rule, machine, 0.0, 64 * many, seed).reshape(many, 64) != 0
    return float(found.any(axis=1).mean())


def machine_table(many: int) -> list[str]:
    """ACE on each machine."""
    lines = [
        "| machine | refused | false claims | with 1 % margin | coverage | power 1 / 2 / 5 / 10 % | 20 x 20: 1 / 2 % |",
        "|---|---|---|---|---|---|---|",
    ]
    extra = {"slow warm-up, never settles": SLOW_WARM_UP, "build bias of 1 %": BUILD_BIAS}
    for i, (name, machine) in enumerate({**MACHINES, **extra}.items()):
        null, margin = (fixed(machine, 0.0, many, SHAPE, i, margin=m) for m in (0.0, 0.01))
        power = [fixed(machine, e, many // 2, SHAPE, 50 + i, margin=0.0).right for e in EFFECTS]
        more = [fixed(machine, e, many // 5, (20, 20), 90 + i, margin=0.0).right for e in EFFECTS[:2]]
        passed = "- | - | -"  # next to nothing was let through
        if null.refused < 0.9:
            passed = f"{null.covered:.1%} | {_shares(power)} | {_shares(more)}"
        lines.append(f"| {name} | {null.refused:.1%} | {null.claims:.1%} | {margin.claims:.1%} | {passed} |")
    return lines


def _shares(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.0%}" for value in values)


def rule_table(rows: list[Row]) -> list[str]:
    """ACE beside the others."""
    lines = [
        "| rule | false claims, blocked order | interleaved | worst machine | power 1 / 2 / 5 / 10 % "
        "| wrong direction | peeking | best of 64 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        blocked = "refused" if row.rule == "ACE" else f"{row.blocked:.0%}"
        lines.append(
            f"| {row.rule} | {blocked} | {row.false:.1%} | {row.worst:.1%} "
            f"| {_shares(row.power)} | {row.wrong:.2%} | {row.peeking:.1%} | {row.best_of_64:.1%} |"
        )
    return lines


def draw_figure(many: int) -> None:
    """Power against effect, mean over machines."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for name, rule in {"ACE": ace, **RIVALS}.items():
        power = [
            np.mean([np.mean(claims(rule, m, e, many, 70 + i) > 0) for i, m in enumerate(MACHINES.values())])
            for e in CURVE
        ]
        false = np.mean([np.mean(claims(rule, m, 0.0, many, 70 + i) != 0) for i, m in enumerate(MACHINES.values())])
        label = f"{name} ({false:.0%} false claims)"
        axes.plot([100 * e for e in CURVE], power, marker="o", linewidth=2.5 if name == "ACE" else 1.2, label=label)
    axes.set_xlabel("true gain, %")
    axes.set_ylabel('chance of "faster"')
    axes.set_title("10 sessions x 10 rounds, interleaved, mean over machines")
    axes.legend(frameon=False)
    figure.savefig(DOCS / "pictures" / "power.png", dpi=130)


def main() -> None:
    """Measure and write."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rows = [measure(name, rule, many) for name, rule in {"ACE": ace, **RIVALS}.items()]
    text = [
        "# Calibration: how often the verdict is right",
        "",
        "Written by `make calibration` (`python -m benchmarks.calibration`); do not edit. Timings are synthetic, so",
        f"the truth is known; {many} repetitions for each machine, fixed seeds. The machines are in",
        "`tests/calibration/noise.py`. 10 sessions x 10 rounds, plain significance (margin 0) unless said otherwise.",
        f"Monte-Carlo error of a 5 % rate: {np.sqrt(0.05 * 0.95 / many):.1%} for a machine, "
        f"{np.sqrt(0.05 * 0.95 / many / len(MACHINES)):.2%} for a mean over machines.",
        "",
        "## Targets",
        "",
        "Set by the design before anything was measured. Power and coverage: among what the steadiness guard lets",
        "through.",
        "",
        *target_table(many),
        "",
        "## ACE beside the rules people use",
        "",
        "Mean over machines. Peeking: a look after every session up to 20; best of 64: at least one claim in a null",
        "sweep. A refusal counts as no claim, so the power of ACE here contains what the steadiness guard refused.",
        "",
        *rule_table(rows),
        "",
        "![Power against effect](pictures/power.png)",
        "",
        "## ACE on each machine",
        "",
        "Coverage and power among what the steadiness guard lets through.",
        "",
        *machine_table(many),
        "",
        "A warm-up that never settles is refused, not corrected. An offset fixed per build is not seen by repetition:",
        "only the margin protects against it.",
        "",
    ]
    DOCS.mkdir(exist_ok=True)
    (DOCS / "calibration.md").write_text("\n".join(text))
    draw_figure(max(many // 5, 50))


if __name__ == "__main__":
    main()
