"""NVIDIA boards through NVML: the energy counter, and power polling where there is none.

Both are opened by a function that raises Refused with the reason that `tried` will show.
"""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator, Mapping

from ace.domain.energy import DeviceState, Grade, Scope
from ace.telemetry.aliasing import is_part_time
from ace.telemetry.devices import device_uuid
from ace.telemetry.meters import COUNTER, SENSOR, Description
from ace.telemetry.nvml_library import POWER_AVERAGE, POWER_INSTANT, Nvml
from ace.telemetry.refusing import Refused

COUNTER_NAME, POWER_NAME = "nvml_counter", "nvml_power"
UPDATE_PERIOD_S = 0.1
"""The slowest of 20-100 ms seen on 16 boards (Yang, Adamek, Armour 2024, arXiv 2312.02741, table 1); a window measures
its own."""
READ_EVERY_S = 0.005  # a quarter of 20 ms
AVERAGING_S = 1.0
"""Field 185, and GetPowerUsage on Ampere (but GA100) and later (NVML API Reference, nvmlDeviceGetPowerUsage)."""
PROBES = 3  # reads of a counter that must not fall, and of which one must not be 0


class NvmlMeter:
    """One board, read by `read_one`; the other way of reading it, where there is one, is `second`."""

    def __init__(
        self,
        nvml: Nvml,
        handle: ctypes.c_void_p,
        description: Description,
        read_one: Callable[[], float],
        second: Callable[[], float] | None,
    ) -> None:
        self.description = description
        self._nvml, self._handle, self._read, self._second = nvml, handle, read_one, second

    def read(self, now_s: float) -> float:  # noqa: ARG002 - NVML reads without a clock of ours
        """Joules of the counter, or watts.  Raises Refused, as when the device is lost."""
        return self._read()

    def state(self) -> DeviceState | None:
        """Clocks, temperature, limit, event reasons."""
        return self._nvml.state(self._handle)

    def second_power_w(self) -> float | None:
        """The polled power beside a counter."""
        if self._second is None:
            return None
        try:
            return self._second()
        except Refused:
            return None

    def shared(self) -> bool:
        """Whether somebody else computes on the board.

        In a container NVML names processes by numbers that are not ours: then one is taken for this process.
        """
        seen = self._nvml.processes(self._handle) or []
        return bool(set(seen) - {os.getpid()}) if os.getpid() in seen else len(seen) > 1

    def close(self) -> None:
        """Shut NVML down; a lost device makes that fail, and nothing is to be done about it."""
        with contextlib.suppress(Refused):
            self._nvml.close()


def open_counter(library: str, wanted: str | None, environment: Mapping[str, str]) -> NvmlMeter:
    """The energy counter of the board.  Raises Refused."""
    nvml, handle, uuid = _open_board(library, wanted, environment)
    with _closing_on_refusal(nvml):
        reads = [nvml.energy_j(handle) for _ in range(PROBES)]
        if not any(reads):
            raise Refused("not supported", "the energy counter reads 0: this board does not count")
        if sorted(reads) != reads:
            raise Refused("garbage", f"the energy counter ran backwards: {reads}")
        second = _polled(nvml, handle)
        what = _description(nvml, handle, uuid, COUNTER_NAME, Grade.DEVICE_COUNTER, COUNTER, 0.0)
        return NvmlMeter(nvml, handle, what, lambda: nvml.energy_j(handle), second[0] if second else None)


def open_power(library: str, wanted: str | None, environment: Mapping[str, str]) -> NvmlMeter:
    """The power sensor of the board: field 186 (instant), else 185 (average), else GetPowerUsage.  Raises Refused."""
    nvml, handle, uuid = _open_board(library, wanted, environment)
    with _closing_on_refusal(nvml):
        found = _polled(nvml, handle)
        if found is None:
            nvml.power_w(handle)  # says why in NVML's own words
            raise Refused("not supported", "every way of reading power gives 0 W")
        read_one, averaging_s = found
        what = _description(nvml, handle, uuid, POWER_NAME, Grade.DEVICE_POLLED, SENSOR, averaging_s)
        return NvmlMeter(nvml, handle, what, read_one, None)


def _open_board(library: str, wanted: str | None, environment: Mapping[str, str]) -> tuple[Nvml, ctypes.c_void_p, str]:
    nvml = Nvml(library)
    with _closing_on_refusal(nvml):
        boards = {nvml.uuid(handle): handle for handle in nvml.handles()}
        uuid = device_uuid(list(boards), wanted, environment)
        if nvml.in_mig_mode(boards[uuid]):
            raise Refused("MIG slice", f"{uuid} is in MIG mode: the power of the board is not that of a slice")
        return nvml, boards[uuid], uuid


@contextlib.contextmanager
def _closing_on_refusal(nvml: Nvml) -> Iterator[None]:
    try:
        yield
    except Refused:
        with contextlib.suppress(Refused):
            nvml.close()
        raise


def _polled(nvml: Nvml, handle: ctypes.c_void_p) -> tuple[Callable[[], float], float] | None:
    """The first way of reading power that gives some, and the seconds it averages over."""
    ways: tuple[tuple[Callable[[], float], float], ...] = (
        (lambda: nvml.field_power_w(handle, POWER_INSTANT), 0.0),
        (lambda: nvml.field_power_w(handle, POWER_AVERAGE), AVERAGING_S),
        (lambda: nvml.power_w(handle), AVERAGING_S),
    )
    for read_one, averaging_s in ways:
        try:
            if read_one() > 0:
                return read_one, averaging_s
        except Refused:
            continue
    return None


def _description(
    nvml: Nvml, handle: ctypes.c_void_p, uuid: str, source: str, grade: Grade, kind: str, averaging_s: float
) -> Description:
    name = nvml.name(handle)
    return Description(
        source=source,
        grade=grade,
        scope=Scope.DEVICE,
        kind=kind,
        unit="J" if kind == COUNTER else "W",
        update_period_s=UPDATE_PERIOD_S,
        read_every_s=READ_EVERY_S,
        averaging_s=averaging_s,
        device_uuid=uuid,
        device_name=name,
        driver=nvml.driver(),
        power_limit_w=nvml.power_limit_w(handle),
        part_time=is_part_time(name),
    )
