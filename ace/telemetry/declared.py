"""Power that nobody measured: a constant of the user's, or a processor's rating times how much of it was used.

Both let the path be exercised. Energy from them is a copy of time, so no claim ever rests on it (3-telemetry).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ace.domain.energy import Grade, Scope
from ace.telemetry.meters import SIMULATED, Bare, Description
from ace.telemetry.refusing import Refused

OVERRIDE_NAME, MODELLED_NAME = "override", "modelled"
VARIABLE = "ACE_DIRECT_POWER_WATTS"
LARGEST_W = 5000.0  # three times the largest accelerator sold (1.4 kW, NVIDIA B300 data sheet): a slip of the unit
READ_PERIOD_S, READ_EVERY_S = 0.1, 0.025  # there is no sensor; this only spaces the readings


@dataclass(frozen=True, slots=True)
class DeclaredMeter(Bare):
    """Watts (a constant), or joules (a model of processor time): `reading` has no device behind it."""

    description: Description
    reading: Callable[[], float]

    def read(self, now_s: float) -> float:  # noqa: ARG002 - nothing changes with our clock
        """Never fails: nothing is asked."""
        return self.reading()


def open_override(environment: Mapping[str, str]) -> DeclaredMeter:
    """The constant power of ACE_DIRECT_POWER_WATTS.  Raises Refused: not set, not a number, implausible."""
    text = environment.get(VARIABLE)
    if text is None:
        raise Refused("not set", f"{VARIABLE} is not set")
    try:
        power_w = float(text)
    except ValueError as error:
        raise Refused("not a number", f"{VARIABLE}={text[:40]!r}; expected watts such as 250") from error
    if math.isnan(power_w):
        raise Refused("not a number", f"{VARIABLE}={text!r}; expected watts such as 250")
    if not 0 < power_w <= LARGEST_W:
        raise Refused("implausible", f"{VARIABLE}={text}; expected more than 0 and at most {LARGEST_W:g} W")
    what = Description(OVERRIDE_NAME, Grade.OVERRIDE, Scope.DEVICE, SIMULATED, "W", READ_PERIOD_S, READ_EVERY_S)
    return DeclaredMeter(what, lambda: power_w)


def open_modelled(tdp_w: float | None, cores: int, process_time: Callable[[], float]) -> DeclaredMeter:
    """`tdp_w` times the share of all `cores` that this process used.  Raises Refused: not set."""
    if tdp_w is None:
        raise Refused("not set", "telemetry.tdp_w is null: no power to scale")
    what = Description(MODELLED_NAME, Grade.MODELLED, Scope.HOST, SIMULATED, "J", READ_PERIOD_S, READ_EVERY_S)
    return DeclaredMeter(what, lambda: tdp_w / cores * process_time())
