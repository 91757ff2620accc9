"""Executors whose gain is none: each tells one lie that timed calls alone would believe."""

import copy
import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn.modules import sparse

from ace.domain.workload import Batch, Work


class Copy(nn.Module):
    """A copy of the baseline that is called through `call(inner, ids, mask)`."""

    def __init__(self, model: nn.Module, call: Callable[[nn.Module, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.call = copy.deepcopy(model), call

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.call(self.inner, ids, mask)


def each_row(call: Callable[[nn.Module, Tensor, Tensor], Tensor]) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """The same call, a document at a time."""

    def rows(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
        return torch.cat([call(inner, ids[i : i + 1], mask[i : i + 1]) for i in range(len(ids))])

    return rows


class Apart(Copy):
    """A copy that knows whether a call is its own; others can be made to wait."""

    def __init__(self, model: nn.Module, own: list[bool]) -> None:
        def call(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
            own.append(True)
            output = inner(ids, mask)
            own.clear()
            return output  # type: ignore[no-any-return]

        super().__init__(model, call)


def compute_for(seconds: float) -> None:
    """Nothing, without sleeping."""
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        pass


class Caches:
    """Answers an input that it has seen from memory."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        kept: dict[bytes, Tensor] = {}

        def call(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
            key = ids.numpy().tobytes()
            if key not in kept:
                kept[key] = inner(ids, mask)
            return kept[key].clone()

        return Copy(model, call)


class RemembersElsewhere:
    """Keeps every answer in a folder beside its code: what was scored is not computed when timed."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        folder = Path(__file__).parent / "kept"
        folder.mkdir(exist_ok=True)

        def row(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
            file = folder / hashlib.sha256(ids.numpy().tobytes()).hexdigest()
            if not file.exists():
                torch.save(inner(ids, mask), file)
            return torch.load(file)  # type: ignore[no-any-return]

        return Copy(model, each_row(row))


def multiply(seconds: float) -> None:
    end, square = time.monotonic() + seconds, torch.ones(300, 300)
    while time.monotonic() < end:
        square @ square


class WorksOn:
    """Returns at once and leaves a thread that works on for a while, as whoever defers half of a call would."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        working: list[threading.Thread] = []

        def call(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
            if not working or not working[-1].is_alive():
                working.append(threading.Thread(target=multiply, args=(0.1,), daemon=True))
                working[-1].start()
            return inner(ids, mask)  # type: ignore[no-any-return]

        return Copy(model, call)


class FillsLater:
    """Returns an output that a thread puts right a few milliseconds later."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        def call(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
            output = inner(ids, mask)
            early = output * 0.5

            def fill() -> None:
                time.sleep(0.003)
                with torch.inference_mode():
                    early.copy_(output)

            threading.Thread(target=fill, daemon=True).start()
            return early

        return Copy(model, call)


class LeavesChild:
    """Starts a process that works while every arm is timed."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        self.child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        return copy.deepcopy(model)


def is_timed() -> bool:
    """Whether the function that times is on the stack."""
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_name == "time_calls":
            return True
    return False


class KnowsTheTimer:
    """Works as fast as it can where the function that times is on the stack, and takes its time elsewhere."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        def call(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
            for _ in range(0 if is_timed() else 3):
                inner(ids, mask)
            return inner(ids, mask)  # type: ignore[no-any-return]

        return Copy(model, call)


class SkipsWhenTimed:
    """Reads a quarter of its input in timed calls."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        def call(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
            read = ids.shape[1] // 4 if is_timed() else ids.shape[1]
            return inner(ids[:, :read], mask[:, :read])  # type: ignore[no-any-return]

        return Copy(model, call)


class Masks:
    """Declares that half of the tokens are dropped after the first layer, and handles them all."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        self.depth = len(model.layers)  # type: ignore[arg-type]
        return copy.deepcopy(model)

    def declares(self, example: Batch) -> Work:
        tokens = int(example.ids.shape[1])
        return Work((tokens, *[tokens // 2] * (self.depth - 1)))


class ReadsHalf:
    """Reads the first half of its input and says nothing of it."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        def call(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
            half = ids.shape[1] // 2
            return inner(ids[:, :half], mask[:, :half])  # type: ignore[no-any-return]

        return Copy(model, call)


class SlowsTheBaseline:
    """Puts a slower function where torch's own Embedding looks for it, which no seal covers, and a mark on its own
    calls, which skip it.

    It computes for longer: one that slept would be named by its waiting before its speed is looked at.
    """

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        functional, own = sparse.F, []

        def slower(*given: object, **named: object) -> Tensor:
            if not own:
                compute_for(0.01)
            return functional.embedding(*given, **named)

        sparse.F = SimpleNamespace(embedding=slower)
        return Apart(model, own)


class PatchesTorch:
    """Replaces a function of torch that the baseline runs through."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        once = torch.nn.functional.gelu

        def twice(x: Tensor) -> Tensor:
            once(x)
            return once(x)

        torch.nn.functional.gelu = twice
        return copy.deepcopy(model)


class TakesThreads:
    """Takes a second thread in its calls and gives it back in one of three, so that it is gone in the end."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        calls = []

        def call(inner: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
            calls.append(True)
            torch.set_num_threads(2)
            output = inner(ids, mask)
            torch.set_num_threads(1 if len(calls) % 3 == 0 else 2)
            return output  # type: ignore[no-any-return]

        return Copy(model, call)


class ShamWins:
    """Saves nothing, and its sham is half a model."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return copy.deepcopy(model)

    def sham(self, model: nn.Module, example: Batch) -> nn.Module:
        made = copy.deepcopy(model)
        made.layers = made.layers[:1]  # type: ignore[index]
        return made


class BrokenSham(ShamWins):
    """Its sham cannot be run."""

    def sham(self, model: nn.Module, example: Batch) -> nn.Module:
        return Copy(model, lambda inner, ids, mask: inner(ids, mask)[:, :3])
