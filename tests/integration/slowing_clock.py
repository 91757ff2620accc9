"""Slows the clocks of its process down when it is imported, as an executor's module may be before anything is timed."""

import copy
import time

from torch import nn

from ace.domain.workload import Batch

started, real = time.perf_counter(), time.perf_counter
time.perf_counter = lambda: started + (real() - started) / 2


class SlowsTheClock:
    """Does nothing else."""

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        return copy.deepcopy(model)
