import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from ace.domain.energy import EnergyPlan
from ace.domain.plan import BenchmarkSpec, CellPlan, ExecutorSpec, ModelSpec, Protocol, Shape
from ace.domain.workload import Batch
from ace.executors.identity import Identity
from ace.measure.arms import prepare, state_digest
from ace.measure.failing import ArmError
from ace.models.loading import load_model

SPEC = ModelSpec("encoder", "ace.models.random_encoder.load", 32, 2, 1, 64, False, 0)
PLAN = CellPlan(
    experiment="t",
    model=SPEC,
    executor=ExecutorSpec("ace.executors.identity.Identity", ()),
    benchmark=BenchmarkSpec("development", "b", "x.y", "probe_accuracy", 10),
    shape=Shape(16, 2, 32, 2),
    protocol=Protocol("quick", 2, 2, 1, 0.001, 1, 60.0, "fixed"),
    telemetry=EnergyPlan("none"),
    seed=0,
    rivals=(),
)


def example() -> Batch:
    ids = torch.randint(1000, 2000, (2, 16), generator=torch.Generator().manual_seed(0))
    return Batch(ids, torch.ones_like(ids))


class Meddler:
    """An executor that does something to what it was given."""

    def __init__(self, deed: Callable[[nn.Module, Batch], object]) -> None:
        self.deed = deed

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        made = copy.deepcopy(model)
        self.deed(model, example)
        return made


def replace_method(model: nn.Module, _: Batch) -> None:
    model.layers[0].forward = lambda *_: None  # type: ignore[index,union-attr]


def halve_weights(model: nn.Module, _: Batch) -> None:
    next(iter(model.parameters())).data.mul_(0.5)


def add_hook(model: nn.Module, _: Batch) -> None:
    next(iter(model.children())).register_forward_hook(lambda *_: None)


def train(model: nn.Module, _: Batch) -> None:
    model.train()


@pytest.mark.parametrize("deed", [replace_method, halve_weights, add_hook, train])
def test_an_executor_that_changes_the_baseline_is_found(deed: Callable[[nn.Module, Batch], object]) -> None:
    with pytest.raises(ArmError) as raised:
        prepare(PLAN, Meddler(deed), example())
    assert raised.value.kind == "changed baseline"


def test_an_executor_that_changes_its_example_is_found() -> None:
    with pytest.raises(ArmError) as raised:
        prepare(PLAN, Meddler(lambda _, batch: batch.ids.zero_()), example())
    assert raised.value.kind == "changed input"


def test_an_executor_that_returns_no_module_is_named() -> None:
    class Wrong:
        def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
            return "fast"  # type: ignore[return-value]

    with pytest.raises(ArmError, match="returned a str"):
        prepare(PLAN, Wrong(), example())


def test_the_null_arm_is_the_baseline_with_memory_of_its_own() -> None:
    arms = prepare(PLAN, Identity(), example())
    baseline, null = arms.modules["baseline"], arms.modules["null"]
    assert state_digest(baseline) == state_digest(null)
    addresses = {p.data_ptr() for p in baseline.parameters()} & {p.data_ptr() for p in null.parameters()}
    assert not addresses


def patch_class(model: nn.Module, _: Batch) -> None:
    kind = type(model.layers[0].feed_forward)  # type: ignore[index,union-attr]
    once = kind.forward

    def twice(self: nn.Module, x: torch.Tensor) -> torch.Tensor:
        once(self, x)
        return once(self, x)

    kind.forward = twice  # type: ignore[method-assign]


def other_heads(model: nn.Module, _: Batch) -> None:
    model.layers[0].attention.heads = 2  # type: ignore[index,union-attr]


def swap_class(model: nn.Module, _: Batch) -> None:
    part = model.layers[0].feed_forward  # type: ignore[index,union-attr]
    kind = type(part)
    part.__class__ = type(  # type: ignore[assignment]
        kind.__name__,
        (kind,),
        {
            "__qualname__": kind.__qualname__,
            "__module__": kind.__module__,
            "forward": lambda self, x: kind.forward(self, x),
        },
    )


class Watched(nn.Parameter):
    """A weight that is asked before each call that it takes part in."""


def other_weights(model: nn.Module, _: Batch) -> None:
    norm = next(part for part in model.modules() if isinstance(part, nn.LayerNorm))
    norm.weight = Watched(norm.weight.data)


@pytest.mark.parametrize("deed", [patch_class, other_heads, swap_class, other_weights])
def test_an_executor_that_changes_how_the_baseline_works_is_found(
    deed: Callable[[nn.Module, Batch], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(load_model(SPEC).layers[0].feed_forward)  # type: ignore[index,union-attr]
    monkeypatch.setattr(kind, "forward", kind.forward)  # undone after the test
    with pytest.raises(ArmError) as raised:
        prepare(PLAN, Meddler(deed), example())
    assert raised.value.kind == "changed baseline"


def test_a_hook_on_all_modules_is_found() -> None:
    from torch.nn.modules.module import register_module_forward_hook

    handles = []
    try:
        with pytest.raises(ArmError) as raised:
            prepare(PLAN, Meddler(lambda *_: handles.append(register_module_forward_hook(lambda *_: None))), example())
    finally:
        for handle in handles:
            handle.remove()
    assert raised.value.kind == "changed baseline"


class Calibrating(Identity):
    """Remembers what it was given to calibrate on."""

    def __init__(self) -> None:
        self.seen: list[Batch] = []

    def calibrate(self, model: nn.Module, documents: Batch) -> None:
        self.seen.append(documents)


def test_an_idea_that_calibrates_is_given_documents_once_before_it_prepares_and_its_time_counts() -> None:
    executor, documents = Calibrating(), example()
    prepare(PLAN, executor, example(), documents)
    [seen] = executor.seen
    assert torch.equal(seen.ids, documents.ids)
    assert seen.ids is not documents.ids


def test_an_idea_that_fails_while_it_calibrates_is_named_with_that_stage() -> None:
    class Failing(Calibrating):
        def calibrate(self, model: nn.Module, documents: Batch) -> None:
            raise RuntimeError("no")

    with pytest.raises(ArmError) as raised:
        prepare(PLAN, Failing(), example(), example())
    assert (raised.value.stage, raised.value.kind) == ("calibrate", "raised")
