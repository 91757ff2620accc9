"""Serving a claim: the candidate inside the envelope where it was accepted, the baseline everywhere else.

Beside the main path: a server imports this module with torch and nothing else of ACE's machinery. Whatever does not
match (weights, processor, torch, threads, padding, date, a file that was edited) means the baseline, counted by reason
and said once in the log of `ace.guard`. The baseline's weights are compared when the guard is made, the candidate is
what its caller says it is, and what an arm raises reaches the caller. Written for any device and tested on a CPU; it
was never run on a GPU.
"""

import logging
import math
import random
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from importlib import metadata
from itertools import product
from typing import Any

import torch
from torch import nn

from ace.domain.envelope import ACCEPTING, Envelope
from ace.models.digests import weights_digest
from ace.models.surroundings import cpu_model

__all__ = ["Envelope", "Guard"]

LOG = logging.getLogger("ace.guard")
ADMITTED, OUTSIDE, PADDED, THREADS = "admitted", "shape outside the envelope", "padded input", "other threads"
STRANGE, AUTOCAST = "no batch of ids and mask", "autocast"
EXPIRED, REVOKED, MISMATCH, UNUSABLE = "expired", "revoked", "mismatch", "no usable envelope"
SDP_FLAGS: dict[str, Callable[[], bool]] = {
    "flash": torch.backends.cuda.flash_sdp_enabled,
    "efficient": torch.backends.cuda.mem_efficient_sdp_enabled,
    "math": torch.backends.cuda.math_sdp_enabled,
}
"""Switches of the attention kernels by a part of the name that a measurement has seen, such as
`_scaled_dot_product_flash_attention_for_cpu` (torch.backends.cuda; they also act on a CPU)."""


class Guard(nn.Module):
    """guard(ids, mask): (batch, seq) int64 each -> what the chosen arm gives for them.

    `shadow_rate`: share of admitted calls in which both arms are timed in mirrored order, as evidence that may revoke
    the candidate: when "at least as fast as the baseline" is refuted at level `shadow_alpha` by an e-process over those
    samples (Ramdas et al. 2023), every later call is the baseline's. `seed` draws the sampled calls. `now`, `clock`:
    seconds since the epoch, and of a monotonic clock. `unsafe`: serve an envelope that was exported as unsafe.
    """

    def __init__(
        self,
        baseline: nn.Module,
        candidate: nn.Module,
        envelope: Envelope,
        *,
        shadow_rate: float = 0.0,
        shadow_alpha: float = 0.01,
        seed: int = 0,
        unsafe: bool = False,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        self.baseline, self.candidate, self.envelope = baseline, candidate, envelope
        self._rate, self._alpha, self._dice = shadow_rate, shadow_alpha, random.Random(seed)
        self._now, self._clock = now, clock
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._said: set[str] = set()
        self._shapes: dict[tuple[int, int], bool] = {}
        self._slower = self._samples = 0
        self._revoked = False
        self._closed = _closed(baseline, envelope, unsafe)
        if self._closed is not None:
            self._say(*self._closed)

    @property
    def decisions(self) -> dict[str, int]:
        """Calls by reason: "admitted" went to the candidate, everything else to the baseline."""
        with self._lock:
            return dict(self._counts)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
        """The candidate's answer inside the envelope, the baseline's elsewhere."""
        reason = self._reason(ids, mask)
        if reason != ADMITTED and reason not in self._said:
            self._say(reason, self._told(reason, ids, mask))
        with self._lock:
            self._counts[reason] += 1
            sampled = reason == ADMITTED and self._rate > 0 and self._dice.random() < self._rate
        if reason != ADMITTED:
            return self.baseline(ids, mask)
        return self._shadowed(ids, mask) if sampled else self.candidate(ids, mask)

    def _reason(self, ids: torch.Tensor, mask: torch.Tensor) -> str:
        if self._closed is not None:
            return self._closed[0]
        if not _plain(ids, mask):
            return STRANGE
        if self._revoked:
            return REVOKED
        envelope, bound = self.envelope, self.envelope.bound
        if self._now() >= envelope.expires_at:
            return EXPIRED
        shape = (int(ids.shape[0]), int(ids.shape[-1]))
        inside = self._shapes.get(shape)
        if inside is None:
            inside = self._shapes[shape] = _inside(envelope, *shape)
        if not inside:
            return OUTSIDE
        if bound is not None and torch.get_num_threads() != bound.threads:
            return THREADS
        if torch.is_autocast_enabled(ids.device.type):
            return AUTOCAST
        if not envelope.padded and not bool(mask.all()):
            return PADDED
        return ADMITTED

    def _told(self, reason: str, ids: object, mask: object) -> str:
        """For people, once a reason: why this call is the baseline's."""
        shapes = ", ".join(str(tuple(getattr(value, "shape", ()))) for value in (ids, mask))
        measured = "none measured" if self.envelope.bound is None else f"measured were {self.envelope.bound.threads}"
        admitted = ", ".join(str(cell.shape) for cell in self.envelope.admitted) or "none"
        return {
            EXPIRED: "the envelope has expired: measure the claim again",
            THREADS: f"torch runs on {torch.get_num_threads()} threads, {measured}",
            OUTSIDE: f"ids and mask of shapes {shapes}; admitted (seq_len x batch, and between them): {admitted}",
            PADDED: "a mask with zeros, and only full inputs were measured",
            STRANGE: f"shapes {shapes}; expected (batch, seq) whole numbers and a mask of the same shape",
            AUTOCAST: "autocast is on, and nothing was measured under it",
        }.get(reason, reason)

    def _shadowed(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
        """Both arms in mirrored order; of each the faster call counts, for its first one may find cold weights."""
        arms = [self.baseline, self.candidate]
        if self._dice.random() < 0.5:
            arms.reverse()
        seconds: dict[int, float] = {}
        answer: Any = None
        for arm in (*arms, *reversed(arms)):
            started = self._clock()
            out = arm(ids, mask)
            _settle(ids.device)
            seconds[id(arm)] = min(self._clock() - started, seconds.get(id(arm), math.inf))
            answer = out if arm is self.candidate else answer
        self._sampled(slower=seconds[id(self.candidate)] > seconds[id(self.baseline)])
        return answer

    def _sampled(self, slower: bool) -> None:
        from ace.stats.eprocess import e_value  # numpy and scipy, for those who ask for shadow samples

        with self._lock:
            self._samples += 1
            self._slower += slower
            samples, lost = self._samples, self._slower
            evidence = e_value(lost, samples)
            self._revoked = self._revoked or evidence >= 1 / self._alpha
        if self._revoked:
            text = f"in {lost} of {samples} shadow samples the candidate was slower (e-value {evidence:.3g})"
            self._say(REVOKED, f"{text}; the baseline serves from now on")

    def _say(self, reason: str, text: str) -> None:
        """Once a reason: a server that logs every call helps nobody."""
        with self._lock:
            new = reason not in self._said
            self._said.add(reason)
        if new:
            LOG.warning("%s: %s", reason, text)


def _plain(ids: object, mask: object) -> bool:
    """Whether these are what was measured: (batch, seq) whole numbers each, a mask of ones and zeros."""
    if not isinstance(ids, torch.Tensor) or not isinstance(mask, torch.Tensor):
        return False
    whole = (torch.int64, torch.int32)
    return ids.ndim == 2 and ids.shape == mask.shape and ids.dtype in whole and mask.dtype in (*whole, torch.bool)


def _closed(baseline: nn.Module, envelope: Envelope, unsafe: bool) -> tuple[str, str] | None:
    """Why nothing at all is admitted: a reason and a text for people; None where something may be."""
    if envelope.problem is not None:
        return UNUSABLE, envelope.problem
    if envelope.verdict not in ACCEPTING and not (envelope.unsafe and unsafe):
        text = f"the claim is {envelope.verdict}, and only an accepted one is served"
        return UNUSABLE, text + ("; unsafe=True serves it all the same" if envelope.unsafe else "")
    if envelope.bound is None:
        return UNUSABLE, "it is bound to no measurement"
    if not math.isfinite(envelope.expires_at):
        return UNUSABLE, f"it expires at {envelope.expires_at}, which is no time"
    if len({(cell.shape.hidden, cell.shape.depth) for cell in envelope.admitted}) > 1:
        return UNUSABLE, "it covers several sizes of model, and one is served"
    differing = _mismatches(baseline, envelope)
    return (MISMATCH, "; ".join(differing)) if differing else None


def _mismatches(baseline: nn.Module, envelope: Envelope) -> list[str]:
    bound = envelope.bound
    if bound is None:
        return []
    tensors = [t for t in (*baseline.parameters(), *baseline.buffers()) if t.dtype.is_floating_point]
    device = _device_name(tensors[0].device) if tensors else "cpu"
    here = {
        "torch": (metadata.version("torch"), bound.torch),
        "device": (device, bound.device),
        "processor": (cpu_model(), bound.cpu_model),
        "number types": (tuple(sorted({str(t.dtype).removeprefix("torch.") for t in tensors})), bound.number_types),
        "weights": (weights_digest(baseline), bound.weights),
    }
    off = [key for key, enabled in SDP_FLAGS.items() if any(key in seen for seen in bound.attention) and not enabled()]
    said = [f"{name} is {now}, measured was {was}" for name, (now, was) in here.items() if now != was]
    return said + [f"attention kernel {name} is switched off, measured was with it" for name in off]


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _settle(device: torch.device) -> None:
    """Wait for work that a device was only told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _inside(envelope: Envelope, batch: int, seq_len: int) -> bool:
    """Whether all corners of the grid cell around a shape are admitted; nothing is extrapolated."""
    admitted = {(cell.shape.batch, cell.shape.seq_len) for cell in envelope.admitted}
    sizes = {(cell.shape.hidden, cell.shape.depth) for cell in envelope.admitted}
    measured = [shape for shape in envelope.measured if (shape.hidden, shape.depth) in sizes]
    batches = _around(batch, {shape.batch for shape in measured})
    lengths = _around(seq_len, {shape.seq_len for shape in measured})
    return bool(batches and lengths) and all(corner in admitted for corner in product(batches, lengths))


def _around(value: int, measured: set[int]) -> set[int]:
    """The measured values on both sides of `value`, itself where it was measured; none where it lies outside."""
    known = sorted(measured)
    place = bisect_left(known, value)
    if place < len(known) and known[place] == value:
        return {value}
    return {known[place - 1], known[place]} if 0 < place < len(known) else set()
