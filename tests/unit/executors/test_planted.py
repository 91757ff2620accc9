import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ace.errors import PlanError
from ace.executors import planted
from ace.executors.planted import Burdened, Planted, units_for
from tests.unit.executors.tiny import batch, encoder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted, "SECONDS", 0.01)


class Counted(TorchDispatchMode):
    """Counts sigmoids; the encoder itself has none."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.times += func is torch.ops.aten.sigmoid.default
        return func(*args, **(kwargs or {}))


def executed(module: torch.nn.Module, inputs) -> int:
    """Units of extra work that a call really runs."""
    with Counted() as counted:
        module(inputs.ids, inputs.mask)
    return counted.times


@pytest.mark.usefixtures("quick")
def test_extra_compute_really_runs_and_changes_no_output():
    model, inputs = encoder(), batch()
    candidate = Planted(0.5, "candidate").prepare(model, inputs)
    assert isinstance(candidate, Burdened)
    assert executed(candidate, inputs) == candidate.units > 1
    assert executed(model, inputs) == 0
    assert torch.equal(candidate(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask))


@pytest.mark.usefixtures("quick")
def test_a_candidate_carries_nothing_when_the_baseline_is_to_be_burdened():
    model, inputs = encoder(), batch()
    executor = Planted(0.5, "baseline")
    assert type(executor.prepare(model, inputs)) is type(model)
    assert executed(executor.plant(model, inputs), inputs) > 0


@pytest.mark.usefixtures("quick")
def test_baseline_and_null_carry_the_same_amount():
    executor, inputs = Planted(0.5, "baseline"), batch()
    first, second = executor.plant(encoder(), inputs), executor.plant(encoder(depth=12), inputs)
    assert first.units == second.units


@pytest.mark.usefixtures("quick")
def test_a_larger_share_is_more_compute():
    model, inputs = encoder(), batch()
    small, large = (Planted(share).prepare(model, inputs).units for share in (0.05, 2.0))
    assert large > 10 * small


def test_what_the_work_costs_the_call_behind_it_is_part_of_the_share(monkeypatch: pytest.MonkeyPatch):
    now, worked = 0.0, 0

    def work(_: torch.Tensor, units: int) -> None:
        nonlocal now, worked
        now, worked = now + 0.01 * units, units

    def model(*_: torch.Tensor) -> None:
        nonlocal now
        now += 10.2 if worked else 10.0

    monkeypatch.setattr(planted, "work", work)
    assert units_for(0.1, model, batch(), 0, lambda: now) == 80  # 0.8 s of work, and 0.2 s behind it
    assert units_for(0.01, model, batch(), 0, lambda: now) == 1  # no less can be planted


@pytest.mark.usefixtures("quick")
def test_planting_adds_no_parameter_and_does_not_touch_the_model():
    model, inputs = encoder(), batch()
    burdened = Planted(0.5, "baseline").plant(model, inputs)
    assert burdened.model is model
    assert {id(p) for p in burdened.parameters()} == {id(p) for p in model.parameters()}
    assert not model._forward_pre_hooks


@pytest.mark.parametrize("share", [0, -0.05, 11, "0.05", None, float("nan")])
def test_a_share_that_is_none_is_refused_by_its_key(share):
    with pytest.raises(PlanError, match=r"executor.share=.* is refused"):
        Planted(share)


def test_an_arm_that_is_not_measured_is_refused_by_its_key():
    with pytest.raises(PlanError, match=r"executor.arm=null is refused; allowed: baseline, candidate"):
        Planted(0.05, "null")
