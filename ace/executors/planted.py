"""Real extra compute of a known share, planted in one arm: what the instrument must find at its size.

A calibration, never a claim. The extra work is a number of small sigmoids, run before the forward pass, as many as
take `share` of the time of this session's own baseline.
"""

import copy
import statistics
import time

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import Batch

# 16 KB, about 10 microseconds, never split over threads: matrix products and exponentials go to a library that splits
# them whatever their size, and waiting for a second thread is not a fixed amount of work
ELEMENTS = 4096
REPETITIONS, SECONDS = 5, 0.7  # calibration goes on until it has done both


class Planted:
    """`share` 0.05 makes the arm named take 1.05 times the baseline's time.

    The amount is calibrated once per session, on the first module that gets it, and fixed from then on: baseline and
    null, both planted, carry the same number of units.
    """

    def __init__(self, share: float, arm: str = "candidate"):
        number = isinstance(share, int | float) and not isinstance(share, bool)
        require(number and 0 < share <= 10, "executor.share", share, "a share of the baseline's time above 0, up to 10")
        require(arm in ("baseline", "candidate"), "executor.arm", arm, "baseline, candidate")
        self.share = share
        self.arm = arm
        self._units: int | None = None

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        """The candidate: a copy of the model, with the extra compute when it belongs to this arm."""
        own = copy.deepcopy(model)
        return self.plant(own, example) if self.arm == "candidate" else own

    def plant(self, model: nn.Module, example: Batch) -> nn.Module:
        """`model` itself, unchanged, inside a module that does the extra compute first."""
        if self._units is None:
            self._units = units_for(self.share, model, example)
        return Burdened(model, self._units)


class Burdened(nn.Module):
    """A model, and `units` of extra work before each of its calls.  It has the model's parameters and no others."""

    def __init__(self, model: nn.Module, units: int):
        super().__init__()
        self.model = model
        self.units = units
        self.operand = torch.zeros(ELEMENTS)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        work(self.operand, self.units)
        output: Tensor = self.model(ids, mask)
        return output


def work(operand: Tensor, units: int) -> None:
    """The extra compute: `units` times the sigmoid of every element."""
    for _ in range(units):
        torch.sigmoid(operand)


@torch.inference_mode()
def units_for(share: float, model: nn.Module, example: Batch) -> int:
    """How many units of work take `share` of one call of `model` on `example`.

    They are timed where they will stand, right before a call, about as many as will be needed: by themselves they would
    find a warmer cache. This thread's CPU time, so that being interrupted does not count; the median of the ratios of
    neighbours, so that neither a disturbance nor a slow moment does.
    """
    operand = torch.zeros(ELEMENTS)

    def units_per_call(trial: int) -> float:
        start = time.thread_time()
        work(operand, trial)
        middle = time.thread_time()
        model(example.ids, example.mask)
        return trial * (time.thread_time() - middle) / (middle - start)

    units_per_call(100)  # the first call pays for what is set up once
    trial = max(1, round(share * units_per_call(100)))  # a first guess
    ratios: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(ratios) < REPETITIONS or time.perf_counter() < end:
        ratios.append(units_per_call(trial))
    return max(1, round(share * statistics.median(ratios)))
