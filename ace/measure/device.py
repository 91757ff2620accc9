"""Where the arms run, and which board that is: what a source of energy must know to measure the right one.

Asked by `observe` before a source is chosen and by every session before it is opened again. Arms run on the processor
in this version; the rest is written for boards and tested with a stand-in for torch, and has never met a real one.
"""

import importlib
from dataclasses import dataclass
from typing import Any

DEVICE = "cpu"
"""Where this version runs the arms, in torch's words."""
AMD = "the work is done on an AMD board: its counters (ROCm SMI) are not read by this version"
APPLE = "the work is done on Apple's GPU: its power (powermetrics, for root only) is not read by this version"


@dataclass(frozen=True, slots=True)
class Place:
    """`board_uuid`: as NVML writes it (GPU-...), None on a processor and where torch does not say. `unmetered`: why no
    source sees this device; None where one may."""

    board_uuid: str | None = None
    unmetered: str | None = None


def place_of(device: str = DEVICE, library: Any = None) -> Place:
    """What is known of `device` (cpu, cuda, cuda:1, mps, ...). `library`: torch, which CUDA_VISIBLE_DEVICES has already
    told which boards there are: its first one is the first that is shown, whatever NVML counts. Nothing of it is asked
    of a processor, so that a parent that only keeps and records cells is spared the import."""
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return Place()
    library = library or importlib.import_module("torch")
    if kind == "cuda" and getattr(library.version, "hip", None) is not None:
        return Place(unmetered=AMD)
    if kind == "cuda":
        number = int(index) if index else library.cuda.current_device()
        uuid = getattr(library.cuda.get_device_properties(number), "uuid", None)  # torch 2.4 and later
        return Place(None if uuid is None else f"GPU-{str(uuid).removeprefix('GPU-')}")
    if kind == "mps":
        return Place(unmetered=APPLE)
    return Place(unmetered=f"the work is done on {device}, for which this version has no source")
