"""Energy and effective compute density as rows of text, and what a better source would change; for memo and page.

A simulated number says so in the title that it stands under, in its row and in its file: nobody shall quote it by
mistake.
"""

import shlex
from collections.abc import Sequence

from ace.domain.answers import EnergyAnswer
from ace.domain.decision import CellDecision, Decision
from ace.domain.energy import Grade
from ace.domain.wording import percent_within

ENERGY_HEAD = (
    "cell", "source", "J an item, baseline", "candidate", "baseline over candidate", "sessions", "scatter (A), k=1",
    "shared (B), k=1", "idle power", "null arm", "can be claimed",
)  # fmt: skip
DENSITY_HEAD = ("cell", "effective compute density", "= quality", "x throughput", "x energy")
SIMULATED = "SIMULATED, nothing was measured"
METER = "an external meter: the sensor's gain and offset ({0}) go from the joules; of the ratio only the offset goes"
BETTER = {
    Grade.NONE: "any source that sees the work gives joules with an interval: on a processor RAPL, whose ratio of two "
    "arms is known to 0.4 % (k=1) and what sessions scatter, on an NVIDIA board its counter",
    Grade.OVERRIDE: "a constant power makes energy a copy of time; a source that reads the work says whether power "
    "differs between the arms, which is all that energy can add to speed",
    Grade.MODELLED: "a rating times use makes energy a copy of processor time; a source that reads the work says "
    "whether power differs between the arms",
    Grade.DEVICE_PROBE: "a counter in the place of 1 s means: windows of 8 s where 82 s are needed for 1 %",
    Grade.DEVICE_POLLED: "a counter in the place of polled power: what lies between two readings is counted as well",
    Grade.DEVICE_COUNTER: METER.format("4.5 %, 8 W"),
    Grade.HOST_COUNTER: METER.format("5 %, 2 W"),
}
"""What would change with a better source than this grade (sizes: ace.telemetry.uncertainty)."""


def power_tables(decision: Decision) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Title, head and rows; none where no energy has a number."""
    cells = [(cell, cell.energy) for cell in decision.cells if cell.energy is not None and cell.energy.gain is not None]
    mark = f" ({SIMULATED})" if any(found.simulated for _, found in cells) else ""
    dense = [_density(cell, found) for cell, found in cells if found.ecd_gain is not None]
    return [
        (f"Energy{mark}", ENERGY_HEAD, [_energy(cell, found) for cell, found in cells]),
        (f"Effective compute density{mark}", DENSITY_HEAD, dense),
    ]


def _energy(cell: CellDecision, found: EnergyAnswer) -> tuple[str, ...]:
    idle = "not measured" if found.idle_w is None else f"{found.idle_w:.1f} W, {_kept(found)}"
    null = percent_within(found.null_gain, found.null_low, found.null_high)
    return (
        cell.cell,
        f"{found.source}: {found.grade}" + (", simulated" if found.simulated else ""),
        *(f"{joules:.4g}" for joules in (found.baseline_j, found.candidate_j) if joules is not None),
        percent_within(found.gain, found.low, found.high),
        str(found.sessions),
        *("not known" if part is None else f"{100 * part:.2f} %" for part in (found.type_a, found.type_b)),
        idle,
        null,
        found.unclaimable or "yes",
    )


def _kept(found: EnergyAnswer) -> str:
    return "taken off" if found.idle_subtracted else "left in"


def _density(cell: CellDecision, found: EnergyAnswer) -> tuple[str, ...]:
    named = (
        (found.ecd_gain, found.ecd_low, found.ecd_high),
        (found.quality_gain, found.quality_low, found.quality_high),
    )
    more = ((found.throughput_gain, found.throughput_low, found.throughput_high), (found.gain, found.low, found.high))
    return (cell.cell, *(percent_within(*part) for part in (*named, *more)))


def better_source(decision: Decision) -> tuple[str, str]:
    """What would change with a better source, and the commands to run where there is one."""
    grades = [Grade(cell.energy.grade) for cell in decision.cells if cell.energy is not None]
    lowest = max(grades, key=list(Grade).index, default=Grade.NONE)
    measuring = decision.reproduce[:-1]
    there = " && ".join(["ace-doctor", *(_claiming(command) for command in measuring), *decision.reproduce[-1:]])
    return BETTER[lowest], there


def _claiming(commands: str) -> str:
    """A measuring command that asks for energy, whatever it asked for before."""
    return " && ".join(
        shlex.join([*_kept_words(words), "experiment.scopes=[speed,energy,ecd]"]) for words in _parts(commands)
    )


def _kept_words(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith(("telemetry=", "experiment.scopes="))]


def _parts(commands: str) -> list[list[str]]:
    return [shlex.split(part) for part in commands.split(" && ")]
