"""Real extra compute of a known share, planted in one arm: what the instrument must find at its size.

A calibration, never a claim. The extra work is small matrix products, run before the forward pass, as many as take
`share` of this session's own baseline.
"""

import copy
import statistics
import time

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import Batch

WIDTH = 48  # the three matrices, 27 KB, fit the first cache; a product takes some microseconds
REPETITIONS, SECONDS = 7, 0.7  # calibration goes on until it has done both


class Planted:
    """`share` 0.05 makes the arm named take 1.05 times the baseline's time.

    The amount is calibrated once per session, on the first module given, and is fixed from then on: both arms that
    `plant` is asked for carry the same number of products.
    """

    def __init__(self, share: float, arm: str = "candidate"):
        number = isinstance(share, int | float) and not isinstance(share, bool)
        require(number and 0 < share <= 10, "executor.share", share, "a share of the baseline's time above 0, up to 10")
        require(arm in ("baseline", "candidate"), "executor.arm", arm, "baseline, candidate")
        self.share = share
        self.arm = arm
        self._products: int | None = None

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        """The candidate: a copy of the model, with the extra compute when it belongs to this arm."""
        own = copy.deepcopy(model)
        return self.plant(own, example) if self.arm == "candidate" else own

    def plant(self, model: nn.Module, example: Batch) -> nn.Module:
        """`model` itself inside a module that does the extra compute first."""
        if self._products is None:
            self._products = products_for(self.share, model, example)
        return Burdened(model, self._products)


class Burdened(nn.Module):
    """A model and `products` matrix products before each of its calls."""

    def __init__(self, model: nn.Module, products: int):
        super().__init__()
        self.model = model
        self.products = products
        self.work = Products()

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        self.work(self.products)
        output: Tensor = self.model(ids, mask)
        return output


class Products(nn.Module):
    """A matrix multiplied by itself as often as asked; holds no parameter, so that both arms have the same."""

    matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.eye(WIDTH), persistent=False)

    def forward(self, times: int) -> None:  # noqa: D102
        matrix = self.matrix
        for _ in range(times):
            torch.mm(matrix, matrix)


@torch.inference_mode()
def products_for(share: float, model: nn.Module, example: Batch) -> int:
    """How many products take `share` of one call of `model` on `example`.

    The products are timed where they will stand, right before a call, about as many as will be needed: alone they would
    find a warmer cache. Medians over repetitions, so that one disturbance does not count.
    """
    work = Products()

    def seconds(trial: int) -> tuple[float, float]:
        start = time.perf_counter()
        work(trial)
        middle = time.perf_counter()
        model(example.ids, example.mask)
        return (middle - start) / trial, time.perf_counter() - middle

    for _ in range(2):  # the first call pays for what is set up once
        product, call = seconds(100)
    trial = max(1, round(share * call / product))  # a first guess
    pairs: list[tuple[float, float]] = []
    end = time.perf_counter() + SECONDS
    while len(pairs) < REPETITIONS or time.perf_counter() < end:
        pairs.append(seconds(trial))
    product, call = statistics.median(p for p, _ in pairs), statistics.median(c for _, c in pairs)
    return max(1, round(share * call / product))
