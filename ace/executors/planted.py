"""Real extra compute of a known share, planted in one arm: what the instrument must find at its size.

A calibration, never a claim. The extra work is a number of small sigmoids, run before the forward pass, as many as
make a call take `share` longer than this session's own baseline.
"""

import copy
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import Batch

# 16 KB, about 10 microseconds, never split over threads: matrix products and exponentials go to a library that splits
# them whatever their size, and waiting for a second thread is not a fixed amount of work
ELEMENTS = 4096
REPETITIONS, SECONDS = 5, 1.2  # calibration goes on until it has done both


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
            self._units = units_for(self.share, model, example, SECONDS)
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
def units_for(
    share: float,
    model: nn.Module,
    example: Batch,
    least_s: float,
    clock_s: Callable[[], float] = time.thread_time,
) -> int:
    """How many units of work before a call of `model` on `example` make it take 1 + `share` times as long as without.

    Calls with about as many units as will be needed take turns with calls without any. The units cost more than their
    own time: the call behind them finds a colder machine, by 1 % of a call here, a tenth of a planted tenth. They do so
    for `least_s` seconds. `clock_s` is this thread's CPU time, so that being interrupted does not count; medians of the
    ratios of neighbours, so that neither a disturbance nor a slow moment does.
    """
    operand = torch.zeros(ELEMENTS)

    def call_s(units: int) -> tuple[float, float]:
        """Seconds of the work, and of the call behind it."""
        start = clock_s()
        work(operand, units)
        middle = clock_s()
        model(example.ids, example.mask)
        return middle - start, clock_s() - middle

    call_s(100)  # the first call pays for what is set up once
    worked_s, called_s = call_s(100)
    trial = max(1, round(share * called_s / worked_s * 100))  # a first guess
    costs: list[float] = []  # of a unit, in calls
    aftermaths: list[float] = []  # what the call behind the work takes longer, in calls
    end = time.perf_counter() + least_s
    while len(costs) < REPETITIONS or time.perf_counter() < end:
        _, bare_s = call_s(0)
        worked_s, called_s = call_s(trial)
        costs.append(worked_s / bare_s / trial)
        aftermaths.append(called_s / bare_s - 1)
    return max(1, round((share - statistics.median(aftermaths)) / statistics.median(costs)))
