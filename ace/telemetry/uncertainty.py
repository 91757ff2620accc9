"""How uncertain an energy and a ratio of two energies are, part by part, one standard deviation (k=1) each.

    E = g * E_true + o * T + edges + sampling + alias

g: gain of the sensor, o: its offset in watts, T: seconds. Parts are independent and add in quadrature (GUM, JCGM
100:2008, 5.1.2). On one device the gain is the same in both arms and cancels in their ratio; the offset does not.
"""

import math
from dataclasses import dataclass

from ace.domain.budget import Budget, Component
from ace.domain.energy import EnergyWindow, Grade, Scope

SENSORS = "16 sensors against an external meter: Yang, Adamek, Armour 2024, arXiv 2312.02741 and its data"
RAPL = "RAPL against external meters: Khan et al. 2018, doi 10.1145/3177754; Desrochers et al. 2016 (MEMSYS)"
MODEL = "processor ratings against measured power: 3-telemetry; a rating is a thermal design value, not a draw"
STEPS = "rectangular distribution of each edge over one step of the sensor: GUM, JCGM 100:2008, 4.3.7"
MEAN = "standard deviation of a mean of n sensor updates: GUM, JCGM 100:2008, 4.2.3"
SMOOTHED = "a mean over W seconds lags by W/2: 3-telemetry; arXiv 2312.02741, section 4"
PART_TIME = "sensors of A100 and H100 look at 25 of every 100 ms: arXiv 2312.02741, section 4"

GAIN, OFFSET, DRIFT, EDGES, SAMPLING, AVERAGING, ALIAS, MODEL_NAME = (
    "gain",
    "offset",
    "drift",
    "edges",
    "sampling",
    "averaging",
    "alias",
    "model",
)


@dataclass(frozen=True, slots=True)
class Sensor:
    """What every reading of a kind of sensor is uncertain by: `gain` and `drift` as fractions, `offset_w` in watts."""

    gain: float
    offset_w: float
    drift: float
    source: str


BOARD = Sensor(gain=0.045, offset_w=8.0, drift=0.003, source=SENSORS)
PACKAGE = Sensor(gain=0.05, offset_w=2.0, drift=0.003, source=RAPL)  # drift: nothing is published; a board's is taken
MODELLED = 0.35
"""Of what was never measured (3-telemetry)."""


def sensor_of(scope: Scope) -> Sensor:
    """The sensor of a board, or of a processor package."""
    return BOARD if scope is Scope.DEVICE else PACKAGE


def edges(first_s: float, last_s: float, span_s: float) -> float:
    """Relative, of a counter read over `span_s` between edges each known to within `first_s` and `last_s`.

    Each is uniform over its width w, w/sqrt(12); for two widths of one update period U this is U / (sqrt(6) T).
    """
    return math.hypot(first_s, last_s) / math.sqrt(12) / span_s


def window_needed_s(update_period_s: float, relative_error: float) -> float:
    """Seconds of work for which the edges alone leave `relative_error` at k=2: 2 U / (sqrt(6) e)."""
    return 2 * update_period_s / (math.sqrt(6) * relative_error)


def sampling(sd_w: float, power_w: float, updates: int) -> float:
    """Relative, of a mean of `updates` readings that scatter by `sd_w`: s / (sqrt(n) P)."""
    return sd_w / math.sqrt(updates) / power_w


def averaging(width_s: float, power_w: float, before_w: float, window_s: float) -> float:
    """Relative, of a sensor that averages over `width_s`: at the start it still shows `before_w`.

    The bias is -(W/2)(P - P_before) joules; it is not corrected but taken as the half-width of a rectangular
    distribution, which after a warm-up longer than W is next to nothing.
    """
    return width_s / 2 * abs(power_w - before_w) / math.sqrt(3) / (power_w * window_s)


def window_budget(scope: Scope, grade: Grade, power_w: float, random: tuple[Component, ...]) -> Budget:
    """Everything that the energy of one window is uncertain by.  `random`: edges, sampling, averaging, alias."""
    if grade.simulated:
        return Budget((Component(MODEL_NAME, MODELLED, True, MODEL),))
    sensor = sensor_of(scope)
    return Budget(
        (
            Component(GAIN, sensor.gain, True, sensor.source),
            Component(OFFSET, sensor.offset_w / power_w, True, sensor.source),
            Component(DRIFT, sensor.drift, True, sensor.source),
            *random,
        )
    )


def ratio_budget(baseline: EnergyWindow, candidate: EnergyWindow, same_device: bool) -> Budget:
    """What ln(E_baseline / E_candidate) is uncertain by.  Raises ValueError for a window without energy.

    One device: u^2 = u_o^2 (1/P_c - 1/P_b)^2 + 2 u_drift^2 + random parts of both (alias among
    them). Two devices: gains and offsets are those of two sensors, u_o^2 (1/P_c^2 + 1/P_b^2) + 2 u_g^2 + the rest,
    which repeats do not shrink. A model stands in both arms alike; its ratio is that of two times and never claimed.
    """
    first, second = baseline.budget, candidate.budget
    if first is None or second is None:
        raise ValueError(f"{baseline.arm} or {candidate.arm} has no energy to compare")
    model = math.hypot(first.part(MODEL_NAME), second.part(MODEL_NAME))
    if model:
        return Budget((Component(MODEL_NAME, model, True, MODEL),))
    offsets, gains = (first.part(OFFSET), second.part(OFFSET)), (first.part(GAIN), second.part(GAIN))
    offset = abs(offsets[1] - offsets[0]) if same_device else math.hypot(*offsets)
    gain = 0.0 if same_device else math.hypot(*gains)
    made = [
        Component(GAIN, gain, True, SENSORS),
        Component(OFFSET, offset, True, SENSORS),
        Component(DRIFT, math.hypot(first.part(DRIFT), second.part(DRIFT)), True, SENSORS),
    ]
    made += [c for budget in (first, second) for c in budget.components if not c.systematic]
    return Budget(tuple(made))
