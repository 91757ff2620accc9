"""What must be equal to what was measured before the candidate is served, and what of it is not.

`envelope_problem` is asked once, `mismatches` at every full comparison, `Settings` at every call of the guard.
"""

import math
from collections.abc import Callable
from importlib import metadata
from typing import Any

import torch
from torch import nn

from ace.domain.envelope import ACCEPTING, Bound, Envelope
from ace.models.digests import weights_digest
from ace.models.surroundings import cpu_model

SDP_SWITCHES: dict[str, Callable[[], bool]] = {
    "flash": torch.backends.cuda.flash_sdp_enabled,
    "efficient": torch.backends.cuda.mem_efficient_sdp_enabled,
    "math": torch.backends.cuda.math_sdp_enabled,
    "cudnn": torch.backends.cuda.cudnn_sdp_enabled,
}
"""Switches of the attention kernels by a part of the name that a measurement has seen, such as
`_scaled_dot_product_flash_attention_for_cpu` (torch.backends.cuda; they also act on a CPU)."""
PRECISE = "highest"
EVERY = 4
"""Of so many calls one looks at the settings that are dear to read."""
PRODUCTS: Any = getattr(torch.backends.mkldnn, "matmul", None)
"""oneDNN's own setting of the precision of products; older versions of torch have none."""
FIRST_ON_CPU = ("flash", "math")
"""A CPU has these two and takes the first that is switched on and able; flash is able for all that was measured."""


class Settings:
    """Settings of torch that decide what a call costs, and what they were when it was measured.

    Envelopes say it of attention alone. The rest is torch's defaults: measurement sets none of them, and a candidate
    that does has no record.
    """

    def __init__(self, bound: Bound) -> None:
        seen = [key for key in SDP_SWITCHES if any(key in kernel for kernel in bound.attention)]
        wanted = dict.fromkeys(seen, True)
        if bound.device == "cpu":
            wanted = {key: on for key, on in wanted.items() if key in FIRST_ON_CPU}
            if [key for key in FIRST_ON_CPU if key in wanted] == ["math"]:
                wanted["flash"] = False
        self._attention = tuple((key, SDP_SWITCHES[key], on) for key, on in wanted.items())
        self._measured = ", ".join(bound.attention)
        self._calls, self._as_by_default = 0, False

    def alike(self) -> bool:
        """Whether nothing differs, as far as this call looks: attention always, the rest every fourth time, and every
        time as long as it differs."""
        for _, enabled, on in self._attention:
            if enabled() is not on:
                return False
        self._calls += 1
        return True if self._as_by_default and self._calls % EVERY else self._look()

    def _look(self) -> bool:
        self._as_by_default = not _set_otherwise()
        return self._as_by_default

    def differing(self) -> list[tuple[str, str]]:
        """Name of each setting that differs, with a text for people."""
        found = [(key, on) for key, enabled, on in self._attention if enabled() is not on]
        said = [(f"attention kernel {key}", self._kernel(key, on)) for key, on in found]
        return said + _set_otherwise()

    def _kernel(self, key: str, on: bool) -> str:
        if on:
            return f"attention kernel {key} is switched off, measured was with it"
        return f"attention kernel {key} is switched on and would be taken, measured was {self._measured}"


def _set_otherwise() -> list[tuple[str, str]]:
    """Settings beside attention that are not torch's own, by name and in words."""
    said = []
    if (precision := _precision()) != PRECISE:
        said.append(("float32 precision", f"float32 precision of products is {precision}, measured was highest"))
    if torch.are_deterministic_algorithms_enabled():
        said.append(("deterministic", "deterministic algorithms are asked for, measured was without them"))
    if not torch.backends.mkldnn.enabled:
        said.append(("oneDNN", "oneDNN is switched off, measured was with it"))
    return said


def _precision() -> str:
    """Of float32 products, by either of torch's two ways of setting it."""
    try:
        general = torch.get_float32_matmul_precision()
    except RuntimeError:  # both ways were used
        return "set in two ways"
    own = PRODUCTS.fp32_precision if PRODUCTS is not None else "none"
    return general if general != PRECISE or own in ("none", "ieee") else str(own)


def envelope_problem(envelope: Envelope, unsafe: bool) -> str | None:
    """Why nothing at all is admitted, wherever it is served; None where something may be."""
    if envelope.problem is not None:
        return envelope.problem
    if envelope.verdict not in ACCEPTING and not (envelope.unsafe and unsafe):
        text = f"the claim is {envelope.verdict}, and only an accepted one is served"
        return text + ("; unsafe=True serves it all the same" if envelope.unsafe else "")
    if envelope.bound is None:
        return "it is bound to no measurement"
    if not math.isfinite(envelope.expires_at):
        return f"it expires at {envelope.expires_at}, which is no time"
    if len({(cell.shape.hidden, cell.shape.depth) for cell in envelope.admitted}) > 1:
        return "it covers several sizes of model, and one is served"
    return None


def mismatches(baseline: nn.Module, bound: Bound) -> list[tuple[str, str]]:
    """What differs from what was measured: name, and a text for people."""
    tensors = [t for t in (*baseline.parameters(), *baseline.buffers()) if t.dtype.is_floating_point]
    device = _device_name(tensors[0].device) if tensors else "cpu"
    here: dict[str, tuple[object, object]] = {
        "torch": (metadata.version("torch"), bound.torch),
        "device": (device, bound.device),
        "processor": (cpu_model(), bound.cpu_model),
        "number types": (tuple(sorted({str(t.dtype).removeprefix("torch.") for t in tensors})), bound.number_types),
        "weights": (weights_digest(baseline), bound.weights),
    }
    if bound.cuda is not None:
        here["CUDA"] = (torch.version.cuda, bound.cuda)
    return [(name, f"{name} is {now}, measured was {was}") for name, (now, was) in here.items() if now != was]


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
