"""Two energy windows of one session as a ratio, or why they make none: above all whether the board was set alike.

Used by `ace.decide.energy`, session by session. Windows of the arms follow one another, so whoever changes a power
limit or a clock between them compares two boards.
"""

import math
from dataclasses import dataclass

from ace.domain.energy import CAPPED, DeviceState, EnergyPlan, EnergyWindow, SessionEnergy
from ace.domain.session import BASELINE, CANDIDATE
from ace.telemetry.uncertainty import ratio_budget

CLOCKS_APART = 0.1
"""Of a clock between both arms where no power cap explains it: boost moves in steps of 15 MHz, of some 1500."""
SETTINGS = ((0x2, "clocks set by an application"), (0x10, "sync boost"), (0x100, "clocks set by a display"))
"""NVML's event bits that come from a setting and not from the work (nvml.h, nvmlClocksEventReasons)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One session: ln energy ratio, ln throughput ratio (baseline over the arm), systematic uncertainty (k=1)."""

    saved: float
    faster: float
    shared: float
    windows: tuple[EnergyWindow, EnergyWindow]


def paired(plan: EnergyPlan, energy: SessionEnergy, source: str, arm: str = CANDIDATE) -> Pair | str:
    """The ratio of one session, or why it has none: both windows must stand, with the board set alike."""
    first, second = energy.window(BASELINE, source), energy.window(arm, source)
    lacking = [r.reason for r in energy.refused if r.source == source]
    if lacking or first is None or second is None:
        return lacking[0] if lacking else "a window is missing"
    for window in (first, second):
        if window.reason is not None:
            return f"{window.arm}: {window.reason}"
    if (apart := unlike(first, second)) is not None:
        return apart
    idle_w = 0.0
    if plan.subtract_idle:
        known = next((i.power_w for i in energy.idle if i.source == source), None)
        if known is None:
            return "idle power is not known and was to be subtracted"
        idle_w = known
    powers_w = [(window.power_w or 0.0) - idle_w for window in (first, second)]
    if min(powers_w) <= 0:
        return "no power above idle"
    seconds = math.log(first.work_s / first.items) - math.log(second.work_s / second.items)
    above_idle = max((w.power_w or 0.0) / p for w, p in zip((first, second), powers_w, strict=True))
    shared = ratio_budget(first, second, same_device=True).systematic * above_idle
    return Pair(math.log(powers_w[0] / powers_w[1]) + seconds, seconds, shared, (first, second))


def unlike(first: EnergyWindow, second: EnergyWindow) -> str | None:
    """What the board was set to in one arm and not in the other; None where nothing is seen to differ.

    A source that knows no state of a device (RAPL, nvidia-smi) says nothing of either arm.
    """
    if (CAPPED in first.flags) != (CAPPED in second.flags):
        return "power capped in one arm only"
    one, other = first.state, second.state
    if one is None and other is None:
        return None
    if one is None or other is None:
        return "the state of the board is known of one arm only"
    if one.power_limit_w != other.power_limit_w:
        return f"the power limit is {one.power_limit_w} W in one arm and {other.power_limit_w} W in the other"
    bits = (one.event_reasons or 0) ^ (other.event_reasons or 0)
    if set_in_one := [name for bit, name in SETTINGS if bits & bit]:
        return f"{', '.join(set_in_one)} in one arm only"
    return None if CAPPED in first.flags else _clocks_apart(one, other)


def _clocks_apart(one: DeviceState, other: DeviceState) -> str | None:
    for name in ("sm_clock_mhz", "memory_clock_mhz"):
        a, b = getattr(one, name), getattr(other, name)
        if a != b and (None in (a, b) or min(a, b) <= 0 or abs(math.log(a / b)) > CLOCKS_APART):
            return f"{name.removesuffix('_mhz').replace('_', ' ')} {a} MHz in one arm and {b} MHz in the other"
    return None
