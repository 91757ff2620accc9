import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ace.domain.session import BASELINE, CANDIDATE
from ace.measure.arms import Arms
from ace.measure.bench import Bench
from ace.measure.embedding import _embed
from ace.measure.inputs import Inputs
from ace.measure.timing import CPU_CLOCKS

ROUNDS, KEEP = 6, 3


class Sums(nn.Module):
    """A sum over tokens, written into one buffer where `buffered`. `calls` counts."""

    def __init__(self, buffered: bool = False) -> None:
        super().__init__()
        self.calls = 0
        self.buffer = torch.zeros(1, 4) if buffered else None

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        self.calls += 1
        answer = (ids * mask).sum(1, keepdim=True) * torch.ones(4)
        return answer if self.buffer is None else self.buffer.copy_(answer)


class Watched(random.Random):
    """Notes how many calls had been made when it was asked which rounds to keep."""

    def __init__(self, arm: Sums) -> None:
        super().__init__(0)
        self.arm, self.asked_after = arm, None

    def sample(self, population, k, **_):
        self.asked_after = self.arm.calls
        return super().sample(population, k)


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "ids.npy", rng.integers(1, 50, (40, 8)))
    np.save(tmp_path / "mask.npy", np.ones((40, 8), dtype=np.int64))
    return Inputs(tmp_path, rng)


def run(candidate: Sums, inputs: Inputs, secret: random.Random):
    modules = {BASELINE: Sums(), CANDIDATE: candidate}
    arms = Arms(modules, modules[BASELINE], "digest", 0.0, None, (), ())
    bench = Bench(arms, inputs, 1, CPU_CLOCKS, secret=secret)
    return arms, bench.run(((BASELINE, CANDIDATE),) * ROUNDS, 1, KEEP, "timing")


def test_which_outputs_are_kept_is_drawn_when_the_last_of_them_was_made(inputs):
    candidate = Sums()
    secret = Watched(candidate)
    _, made = run(candidate, inputs, secret)
    assert secret.asked_after == ROUNDS
    assert len(made.kept) == 2 * KEEP
    assert len({index for _, index in made.kept}) == KEEP


def test_no_seed_of_the_plan_tells_which_outputs_are_kept(inputs):
    kept = {tuple(index for _, index in run(Sums(), inputs, random.SystemRandom())[1].kept) for _ in range(30)}
    assert len(kept) > 1


@pytest.mark.parametrize("buffered", [False, True])
def test_kept_outputs_are_those_of_their_own_call_even_where_an_arm_writes_into_one_buffer(inputs, buffered):
    arms, made = run(Sums(buffered), inputs, random.Random(1))
    assert [check.recomputed_error for check in made.recheck(arms, inputs)] == [0.0] * 2 * KEEP


def test_an_arm_that_writes_into_one_buffer_is_scored_by_each_of_its_answers(inputs):
    rows = [[row] for row in range(len(inputs.ids))]
    assert np.array_equal(_embed(CANDIDATE, Sums(buffered=True), inputs, rows), _embed(CANDIDATE, Sums(), inputs, rows))
