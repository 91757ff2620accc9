"""Executors that do what a session cannot be built on, for the tests of measurement."""

import atexit
import copy
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from ace.domain.workload import Batch


class Wrapped(nn.Module):
    """A copy of the baseline whose output passes through `change(output, ids, calls so far)`."""

    def __init__(self, model: nn.Module, change: Callable[[torch.Tensor, torch.Tensor, int], object]) -> None:
        super().__init__()
        self.inner, self.change, self.calls = copy.deepcopy(model), change, 0

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> object:
        self.calls += 1
        return self.change(self.inner(ids, mask), ids, self.calls)


class RaisesInPrepare:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        raise RuntimeError("no such layer")


class RaisesInForward:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        def change(output: torch.Tensor, ids: torch.Tensor, calls: int) -> object:
            raise RuntimeError("bad index")

        return Wrapped(model, change)


class RaisesWhenTimed:
    """Works with the threads of the examination, and fails with the one that a session has."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        def change(output: torch.Tensor, ids: torch.Tensor, calls: int) -> object:
            if torch.get_num_threads() == 1:
                raise RuntimeError("only now")
            return output

        return Wrapped(model, change)


class ReturnsNan:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return Wrapped(model, lambda output, ids, calls: output * float("nan"))


class ReturnsAnotherShape:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return Wrapped(model, lambda output, ids, calls: output[:, :7])


class ChangesInput:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return Wrapped(model, lambda output, ids, calls: (ids.zero_(), output)[1])


class ChangesBaseline:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        with torch.no_grad():
            next(model.parameters()).add_(1.0)
        return copy.deepcopy(model)


class ChangesBaselineLater:
    """Leaves the baseline alone in prepare and slows it down from its first timed call on."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        def change(output: torch.Tensor, ids: torch.Tensor, calls: int) -> object:
            if calls == 5 and torch.get_num_threads() == 1:
                model.register_forward_pre_hook(lambda *_: time.sleep(0.01))
            return output

        return Wrapped(model, change)


class Dies:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        os._exit(7)


class KilledWhenMade:
    """As where memory runs out already for what its constructor loads."""

    def __init__(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class ExitsInPrepare:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        sys.exit("nothing to do")


def later(model: nn.Module, act: Callable[[], object]) -> nn.Module:
    """A copy of the baseline that does something in its fifth call, which is a timed one or a warm-up for it."""
    return Wrapped(model, lambda output, ids, calls: (act() if calls == 5 else None, output)[1])


class ExitsWhenTimed:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return later(model, lambda: sys.exit(0))


class DiesWhenTimed:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return later(model, lambda: os._exit(0))


class KilledWhenTimed:
    """As where memory runs out."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return later(model, lambda: os.kill(os.getpid(), signal.SIGKILL))


class FindsNoMemory:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return later(model, lambda: bytearray(1 << 62))


class HangsWhenTimed:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return later(model, lambda: time.sleep(600))


class ForksWhenTimed:
    """Both processes come back."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return later(model, os.fork)


class LeavesThread:
    """One that no interpreter ends without."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        threading.Thread(target=time.sleep, args=(600,)).start()
        return copy.deepcopy(model)


MARK = "sleep for the tests of ACE"


class LeavesDaemon:
    """Starts a process in a session of its own, out of the worker's group."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        again = f"import time; time.sleep(600)  # {MARK}"
        start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {again!r}], start_new_session=True)"
        subprocess.run([sys.executable, "-c", start], check=True)
        return copy.deepcopy(model)


class Chatters:
    """Prints ten million characters on either stream, with a last word; `dies`: and ends the process."""

    def __init__(self, dies: bool = False) -> None:
        self.dies = dies

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        for stream in (sys.stdout, sys.stderr):
            print("a first word", file=stream)
            for _ in range(10_000):
                print("x" * 999, file=stream)
            print("a last word", file=stream, flush=True)
        if self.dies:
            os._exit(3)
        return copy.deepcopy(model)


class Hangs:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        time.sleep(600)
        raise AssertionError


class LeavesRubbish:
    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        answer = Path(sys.argv[1]) / "answer.json"
        atexit.register(lambda: answer.write_text('{"session": {"index": "first"}}'))
        return copy.deepcopy(model)


class AnswersWithoutComputing:
    """Remembers the scored outputs' mean and returns it when single documents, as timed ones are, come in."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        class Cheat(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = copy.deepcopy(model)

            def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
                if ids.shape[0] == 1:
                    return torch.full((1, 384), 384**-0.5)
                return self.inner(ids, mask)  # type: ignore[no-any-return]

        return Cheat()


class LooksAtItsCompany:
    """An honest idea whose outputs depend on the batch, as dynamic quantisation over a batch does."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return Wrapped(model, lambda output, ids, calls: output + 0.05 * output.mean(0))


class ComputesOnlyLater:
    """Depends on its company, so that no document can be compared, and computes nothing in its first calls: those that
    are timed."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        def change(output: torch.Tensor, ids: torch.Tensor, calls: int) -> object:
            return output + 0.05 * output.mean(0) if calls > 6 else torch.full_like(output, 384**-0.5)

        return Wrapped(model, change)


class TakesAnArgument:
    def __init__(self, keep: float) -> None:
        self.keep = keep

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return copy.deepcopy(model)
