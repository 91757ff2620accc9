"""NVML through ctypes: the few calls ACE makes, each returning a number or raising Refused with a named reason.

`libnvidia-ml.so.1` comes with the driver. It is loaded by an explicit path or name, so that tests hand in a fake.
Codes, field numbers and layouts are those of nvml.h (NVIDIA, NVML API Reference, driver 560 and later); a test holds
them against nvidia-ml-py.
"""

import ctypes
from typing import Any

from ace.domain.energy import DeviceState
from ace.telemetry.refusing import Refused

LIBRARY = "libnvidia-ml.so.1"
NOT_SUPPORTED, UNKNOWN = 3, 999
NAMES = {
    1: "failed",
    2: "failed",
    NOT_SUPPORTED: "not supported",
    4: "no permission",
    6: "no device",
    9: "no driver",
    10: "timed out",
    12: "no library",
    13: "missing symbol",
    15: "device lost",
    16: "device lost",
    18: "version mismatch",
    25: "version mismatch",
    28: "device lost",
    UNKNOWN: "failed",
}
"""nvmlReturn_t to a named reason; what is not here is "failed"."""
POWER_AVERAGE, POWER_INSTANT = 185, 186
SM_CLOCK, MEMORY_CLOCK = 1, 2
TEXT_BYTES = 96


class FieldValue(ctypes.Structure):
    """nvmlFieldValue_t."""

    _fields_ = (
        ("fieldId", ctypes.c_uint32),
        ("scopeId", ctypes.c_uint32),
        ("timestamp", ctypes.c_int64),
        ("latencyUsec", ctypes.c_int64),
        ("valueType", ctypes.c_uint),
        ("nvmlReturn", ctypes.c_uint),
        ("value", ctypes.c_uint64),
    )


class TemperatureV1(ctypes.Structure):
    """nvmlTemperature_v1_t."""

    _fields_ = (("version", ctypes.c_uint), ("sensorType", ctypes.c_uint), ("temperature", ctypes.c_int))


class ProcessInfo(ctypes.Structure):
    """nvmlProcessInfo_v2_t, which v3 of the call fills."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("usedGpuMemory", ctypes.c_ulonglong),
        ("gpuInstanceId", ctypes.c_uint),
        ("computeInstanceId", ctypes.c_uint),
    )


TEMPERATURE_V1 = 0x100000C
MANY_PROCESSES = 64


class Nvml:
    """An initialised NVML.  Raises Refused: no library, missing symbol, version mismatch, no driver, no permission."""

    def __init__(self, path: str) -> None:
        try:
            self._library = ctypes.CDLL(path, ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise Refused(
                "no library", f"{path} cannot be loaded ({error}); it comes with the NVIDIA driver"
            ) from error
        self._call("nvmlInitWithFlags", ctypes.c_uint(0))

    def close(self) -> None:
        """nvmlShutdown; initialisations are counted, so others of this process stay up."""
        self._call("nvmlShutdown")

    def driver(self) -> str:
        """Version of the driver."""
        return self._text("nvmlSystemGetDriverVersion")

    def handles(self) -> list[ctypes.c_void_p]:
        """Handles of all boards, in NVML's order (by PCI bus), whatever CUDA_VISIBLE_DEVICES says."""
        count = ctypes.c_uint()
        self._call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        found = []
        for index in range(count.value):
            handle = ctypes.c_void_p()
            self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle))
            found.append(handle)
        return found

    def uuid(self, handle: ctypes.c_void_p) -> str:
        """GPU-... of the board."""
        return self._text("nvmlDeviceGetUUID", handle)

    def name(self, handle: ctypes.c_void_p) -> str:
        """What the board is sold as."""
        return self._text("nvmlDeviceGetName", handle)

    def energy_j(self, handle: ctypes.c_void_p) -> float:
        """Joules since the driver was loaded (nvmlDeviceGetTotalEnergyConsumption, in mJ; Volta and later)."""
        return self._number("nvmlDeviceGetTotalEnergyConsumption", ctypes.c_ulonglong(), handle) / 1000

    def power_w(self, handle: ctypes.c_void_p) -> float:
        """Watts (nvmlDeviceGetPowerUsage, in mW): averaged over 1 s on Ampere (but GA100) and later."""
        return self._number("nvmlDeviceGetPowerUsage", ctypes.c_uint(), handle) / 1000

    def field_power_w(self, handle: ctypes.c_void_p, field: int) -> float:
        """Watts of a power field, in mW: POWER_INSTANT, or POWER_AVERAGE over 1 s."""
        value = FieldValue(fieldId=field)
        self._call("nvmlDeviceGetFieldValues", handle, ctypes.c_int(1), ctypes.byref(value))
        self._check(value.nvmlReturn, f"field {field}")
        return float(value.value & 0xFFFFFFFF) / 1000  # an unsigned int: the rest of the union is not ours

    def power_limit_w(self, handle: ctypes.c_void_p) -> float | None:
        """The limit in force; None where the board has none."""
        limit = self._maybe("nvmlDeviceGetEnforcedPowerLimit", ctypes.c_uint(), handle)
        return limit / 1000 if limit else None

    def in_mig_mode(self, handle: ctypes.c_void_p) -> bool:
        """Whether the board is cut into slices; boards that cannot be answer NOT_SUPPORTED."""
        current, pending = ctypes.c_uint(), ctypes.c_uint()
        try:
            self._call("nvmlDeviceGetMigMode", handle, ctypes.byref(current), ctypes.byref(pending))
        except Refused as refusal:
            if refusal.reason in ("not supported", "missing symbol"):
                return False
            raise
        return current.value == 1

    def processes(self, handle: ctypes.c_void_p) -> list[int] | None:
        """Process ids that compute on the board, as this namespace sees them; None where NVML does not say."""
        count, found = ctypes.c_uint(MANY_PROCESSES), (ProcessInfo * MANY_PROCESSES)()
        try:
            self._call("nvmlDeviceGetComputeRunningProcesses_v3", handle, ctypes.byref(count), found)
        except Refused:
            return None
        return [found[index].pid for index in range(min(count.value, MANY_PROCESSES))]

    def state(self, handle: ctypes.c_void_p) -> DeviceState:
        """Clocks, temperature, limit and event reasons, each None where the board does not say."""
        events = self._maybe("nvmlDeviceGetCurrentClocksEventReasons", ctypes.c_ulonglong(), handle)
        if events is None:  # its name before driver 535
            events = self._maybe("nvmlDeviceGetCurrentClocksThrottleReasons", ctypes.c_ulonglong(), handle)
        return DeviceState(
            sm_clock_mhz=self._maybe("nvmlDeviceGetClockInfo", ctypes.c_uint(), handle, ctypes.c_uint(SM_CLOCK)),
            memory_clock_mhz=self._maybe(
                "nvmlDeviceGetClockInfo", ctypes.c_uint(), handle, ctypes.c_uint(MEMORY_CLOCK)
            ),
            temperature_c=self._temperature_c(handle),
            power_limit_w=self.power_limit_w(handle),
            event_reasons=events,
        )

    def _temperature_c(self, handle: ctypes.c_void_p) -> int | None:
        asked = TemperatureV1(version=TEMPERATURE_V1)
        try:
            self._call("nvmlDeviceGetTemperatureV", handle, ctypes.byref(asked))
        except Refused:  # before driver 565
            return self._maybe("nvmlDeviceGetTemperature", ctypes.c_uint(), handle, ctypes.c_uint(0))
        return int(asked.temperature)

    def _maybe(self, symbol: str, into: Any, *arguments: Any) -> int | None:
        try:
            return self._number(symbol, into, *arguments)
        except Refused:
            return None

    def _number(self, symbol: str, into: Any, *arguments: Any) -> int:
        self._call(symbol, *arguments, ctypes.byref(into))
        return int(into.value)

    def _text(self, symbol: str, *arguments: Any) -> str:
        buffer = ctypes.create_string_buffer(TEXT_BYTES)
        self._call(symbol, *arguments, buffer, ctypes.c_uint(TEXT_BYTES))
        return buffer.value.decode(errors="replace")

    def _call(self, symbol: str, *arguments: Any) -> None:
        try:
            function = getattr(self._library, symbol)
        except AttributeError as error:
            raise Refused("missing symbol", f"this NVML has no {symbol}: driver too old, or no NVML") from error
        self._check(function(*arguments), symbol)

    def _check(self, code: int, what: str) -> None:
        if code:
            reason = NAMES.get(code, "failed")
            raise Refused(reason, f"{what}: NVML error {code} ({reason}){_advice(reason)}")


def _advice(reason: str) -> str:
    return {
        "version mismatch": "; library and kernel module are of different drivers: reboot, or reinstall the driver",
        "no permission": "; the container or the administrator forbids it",
        "no driver": "; load the NVIDIA kernel module",
    }.get(reason, "")
