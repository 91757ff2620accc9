"""Guard: what every call is asked before the candidate may answer it."""

import logging
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import nn

from ace.domain.envelope import Envelope
from ace.guard.matching import Settings, envelope_problem, mismatches
from ace.guard.shadow import Shadow
from ace.guard.watching import Watch
from ace.models.digests import parameters_digest

LOG = logging.getLogger("ace.guard")
ADMITTED, OUTSIDE, PADDED, THREADS = "admitted", "shape outside the envelope", "padded input", "other threads"
STRANGE, AUTOCAST = "no batch of ids and mask", "autocast"
EXPIRED, EARLY, REVOKED = "expired", "clock before the measurement", "revoked"
MISMATCH, UNUSABLE = "mismatch", "no usable envelope"
TRAINING = ("training", "a module is in training mode, measured was evaluation: call eval() on both arms")
BURST_S, SHARE = 1.0, 0.1
"""Weights that differ and keep changing are compared for this long, and then for this share of the time."""


class Compared(NamedTuple):
    """What a full comparison found. `again_at`: when there may be another, in the clock's seconds."""

    watch: Watch
    differing: tuple[tuple[str, str], ...]
    again_at: float


class Guard(nn.Module):
    """guard(ids, mask): (batch, seq) int64 each -> what the chosen arm gives for them.

    `shadow_rate`: share of admitted calls in which both arms are timed, as evidence that may revoke the candidate at
    level `shadow_alpha` (`ace.guard.shadow`); every later call is then the baseline's. `seed` draws the sampled calls.
    `now`, `clock`: seconds since the epoch, and of a monotonic clock. `unsafe`: serve an envelope that was exported as
    unsafe. A copy, and what is read back from a pickle, counts on from where the original stood and compares anew.
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
        self._now, self._clock = now, clock
        self._shadow = Shadow(shadow_rate, shadow_alpha, seed, clock)
        self._counts: Counter[str] = Counter()
        self._said: set[Hashable] = set()
        self._shapes: dict[tuple[int, int], bool] = {}
        self._problem = envelope_problem(envelope, unsafe)
        self._made_with = parameters_digest(candidate) if self._problem is None else None
        self._begin()

    def _begin(self) -> None:
        """What belongs to this very object: its locks, and what it knows of the tensors that it holds."""
        self._lock, self._comparing = threading.Lock(), threading.Lock()
        self._settings: Settings | None = None
        self._begun, self._spent_s = self._clock(), 0.0
        bound = self.envelope.bound
        if self._problem is not None or bound is None:
            return self._say(UNUSABLE, UNUSABLE, self._problem or "")
        self._settings = Settings(bound)
        self._compared = self._compare()
        if differing := self._differing(self._settings):
            self._say_mismatch(differing)
        return None

    def __getstate__(self) -> dict[str, Any]:
        left = ("_lock", "_comparing", "_settings", "_compared")
        return {name: value for name, value in self.__dict__.items() if name not in left}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._begin()

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
            self._say(reason, reason, self._told(reason, ids, mask))
        with self._lock:
            self._counts[reason] += 1
            sampled = reason == ADMITTED and self._shadow.drawn()
        if reason != ADMITTED:
            return self.baseline(ids, mask)
        return self._sampled(ids, mask) if sampled else self.candidate(ids, mask)

    def _reason(self, ids: torch.Tensor, mask: torch.Tensor) -> str:
        envelope, bound = self.envelope, self.envelope.bound
        settings = self._settings
        if settings is None or bound is None:
            return UNUSABLE
        if differing := self._differing(settings):
            self._say_mismatch(differing)
            return MISMATCH
        if not _plain(ids, mask):
            return STRANGE
        if self._shadow.revoked:
            return REVOKED
        now = self._now()
        if envelope.measured_at is not None and not now >= envelope.measured_at:  # NaN is no time either
            return EARLY
        if not now < envelope.expires_at:
            return EXPIRED
        shape = (int(ids.shape[0]), int(ids.shape[-1]))
        inside = self._shapes.get(shape)
        if inside is None:
            inside = self._shapes[shape] = _inside(envelope, *shape)
        if not inside:
            return OUTSIDE
        if torch.get_num_threads() != bound.threads:
            return THREADS
        if torch.is_autocast_enabled(ids.device.type):
            return AUTOCAST
        if not envelope.padded and not bool(mask.all()):
            return PADDED
        return ADMITTED

    def _differing(self, settings: Settings) -> list[tuple[str, str]]:
        """What is not as it was measured, by name and in words, as far as this call looks."""
        compared = self._compared
        moved, alike, training = compared.watch.moved(), settings.alike(), compared.watch.training()
        if alike and not (moved or training or compared.differing):  # nearly every call
            return []
        if moved:
            with self._comparing:  # the others wait for what one finds
                if self._compared is compared and self._clock() >= compared.again_at:
                    self._compared = self._compare()
            compared = self._compared
        found = [*compared.differing]
        if not alike:
            found += settings.differing()
        if training:
            found.append(TRAINING)
        return found

    def _compare(self) -> "Compared":
        """All that takes a digest; what moves meanwhile is seen by the next call."""
        started, watch = self._clock(), Watch(self.baseline, self.candidate)
        bound = self.envelope.bound
        differing = [] if bound is None else mismatches(self.baseline, bound)
        if parameters_digest(self.candidate) != self._made_with:
            differing.append(("candidate", "the candidate's parameters are not those that the guard was made with"))
        ended = self._clock()
        self._spent_s += ended - started
        again_at = self._begun + (self._spent_s - BURST_S) / SHARE if differing else ended
        return Compared(watch, tuple(differing), again_at)

    def _told(self, reason: str, ids: object, mask: object) -> str:
        """For people, once a reason: why this call is the baseline's."""
        shapes = ", ".join(str(tuple(getattr(value, "shape", ()))) for value in (ids, mask))
        measured = "none measured" if self.envelope.bound is None else f"measured were {self.envelope.bound.threads}"
        admitted = ", ".join(str(cell.shape) for cell in self.envelope.admitted) or "none"
        return {
            EXPIRED: "the envelope has expired: measure the claim again",
            EARLY: "the clock shows a time before the newest measurement: set it",
            THREADS: f"torch runs on {torch.get_num_threads()} threads, {measured}",
            OUTSIDE: f"ids and mask of shapes {shapes}; admitted (seq_len x batch, and between them): {admitted}",
            PADDED: "a mask with zeros, and only full inputs were measured",
            STRANGE: f"shapes {shapes}; expected (batch, seq) whole numbers and a mask of the same shape",
            AUTOCAST: "autocast is on, and nothing was measured under it",
        }.get(reason, reason)

    def _sampled(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
        """Both arms, timed; the candidate's answer."""
        sample = self._shadow.timed(self.baseline, self.candidate, ids, mask)
        with self._lock:
            revoked = self._shadow.count(sample)
        if revoked is not None:
            self._say(REVOKED, REVOKED, revoked)
        return sample.answer

    def _say_mismatch(self, differing: list[tuple[str, str]]) -> None:
        self._say((MISMATCH, *(name for name, _ in differing)), MISMATCH, "; ".join(text for _, text in differing))

    def _say(self, what: Hashable, reason: str, text: str) -> None:
        """Once: a server that logs every call helps nobody."""
        with self._lock:
            new = what not in self._said
            self._said |= {what, reason}
        if new:
            LOG.warning("%s: %s", reason, text)


def _plain(ids: object, mask: object) -> bool:
    """Whether these are what was measured: (batch, seq) whole numbers each, a mask of ones and zeros."""
    if not isinstance(ids, torch.Tensor) or not isinstance(mask, torch.Tensor):
        return False
    whole = (torch.int64, torch.int32)
    return ids.ndim == 2 and ids.shape == mask.shape and ids.dtype in whole and mask.dtype in (*whole, torch.bool)


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
