"""Which board the work runs on. NVML counts every board and ignores CUDA_VISIBLE_DEVICES, so boards are known by UUID.

CUDA's own numbers follow speed unless CUDA_DEVICE_ORDER=PCI_BUS_ID (CUDA C++ Programming Guide, environment variables),
NVML's follow the bus: a bare number means the same board to both only then, or where there is one board.
"""

from collections.abc import Mapping, Sequence

from ace.telemetry.refusing import Refused


def device_uuid(boards: Sequence[str], wanted: str | None, environment: Mapping[str, str]) -> str:
    """UUID of the board that the work uses.  `boards`: UUIDs in NVML's order; `wanted`: the UUID torch reports.

    Without `wanted` it is the first that CUDA_VISIBLE_DEVICES shows.  Raises Refused: no device, device hidden,
    ambiguous device, MIG slice.
    """
    if not boards:
        raise Refused("no device", "the driver sees no board")
    if wanted is not None:
        return _by_prefix(boards, wanted)
    shown = environment.get("CUDA_VISIBLE_DEVICES")
    first = "0" if shown is None else shown.split(",")[0].strip()
    if first.startswith("MIG-"):
        raise Refused("MIG slice", f"CUDA_VISIBLE_DEVICES={shown} is a slice; its board's power is not its own")
    if first.startswith("GPU-"):
        return _by_prefix(boards, first)
    if not first.isdigit() or int(first) >= len(boards):
        raise Refused("device hidden", f"CUDA_VISIBLE_DEVICES={shown!r} shows none of {len(boards)} boards")
    if len(boards) > 1 and environment.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        raise Refused(
            "ambiguous device",
            f"{len(boards)} boards, and CUDA counts them by speed; set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name the "
            "board's UUID in CUDA_VISIBLE_DEVICES",
        )
    return boards[int(first)]


def _by_prefix(boards: Sequence[str], given: str) -> str:
    """CUDA accepts a UUID cut short as long as it fits one board."""
    name = given if given.startswith("GPU-") else f"GPU-{given}"
    fitting = [uuid for uuid in boards if uuid.startswith(name)]
    if not fitting:
        raise Refused("no device", f"{given} is none of {', '.join(boards)}")
    if len(fitting) > 1:
        raise Refused("ambiguous device", f"{given} fits {', '.join(fitting)}; write more of the UUID")
    return fitting[0]
