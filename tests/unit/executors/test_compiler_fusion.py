"""Traced for real by dynamo; inductor's C++, which takes long to build, only where marked slow."""

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from torch import nn

from ace.errors import MeasurementError, PlanError
from ace.executors.compiler_fusion import MODES, CompilerFusion
from ace.measure.failing import ArmError, foreign_code
from tests.unit.executors.tiny import batch, encoder


@pytest.fixture(autouse=True)
def no_traces_left_over() -> Iterator[None]:
    yield
    torch.compiler.reset()


@pytest.fixture
def traced_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


class Breaking(nn.Module):
    """What no single graph can hold: a decision on the data."""

    def forward(self, ids, mask):
        return ids.float() if ids.sum() > 0 else mask.float()


def as_timed(candidate: nn.Module, inputs) -> torch.Tensor:
    """As a session calls: inputs cloned first, then inference mode. Whatever compiles now raises."""
    ids, mask = inputs.ids.clone(), inputs.mask.clone()
    with torch.compiler.set_stance("fail_on_recompile"), torch.inference_mode():
        return candidate(ids, mask)


@pytest.mark.usefixtures("traced_only")
def test_no_timed_call_compiles_whatever_the_documents():
    model = encoder(depth=1)
    candidate = CompilerFusion().prepare(model, batch()).eval()
    for seed, padding in ((1, 0), (2, 5)):
        inputs = batch(padding=padding, seed=seed)
        assert torch.equal(as_timed(candidate, inputs), model(inputs.ids, inputs.mask))


@pytest.mark.slow
@pytest.mark.usefixtures("traced_only")
def test_another_shape_would_be_compiled_anew_unless_dynamic():
    candidate = CompilerFusion().prepare(encoder(depth=2), batch())
    with pytest.raises(RuntimeError, match="recompile"):
        as_timed(candidate, batch(tokens=24))
    dynamic = CompilerFusion(dynamic=True).prepare(encoder(depth=2), batch())
    assert as_timed(dynamic, batch(tokens=24)).shape == (3, 32)


@pytest.mark.usefixtures("traced_only")
def test_the_compiled_arm_has_every_parameter_once_and_in_memory_of_its_own():
    model = encoder(depth=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    candidate = CompilerFusion().prepare(model, batch())
    assert [name.removeprefix("model.") for name in candidate.state_dict()] == list(before)
    assert not {p.data_ptr() for p in model.parameters()} & {p.data_ptr() for p in candidate.parameters()}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model._compiled_call_impl is None


@pytest.mark.usefixtures("traced_only")
def test_a_model_that_breaks_the_graph_has_failed_to_compile_and_is_not_called_slow():
    with pytest.raises(MeasurementError, match=r"compilation failed with executor.mode=default.* nothing was timed"):
        CompilerFusion().prepare(Breaking(), batch())
    with pytest.raises(ArmError) as caught, foreign_code("prepare", "candidate"):
        CompilerFusion().prepare(Breaking(), batch())
    assert caught.value.kind == "refused"
    assert "\n" not in caught.value.detail


@pytest.mark.usefixtures("traced_only")
def test_a_model_that_breaks_the_graph_is_compiled_in_parts_when_that_is_allowed():
    inputs = batch()
    candidate = CompilerFusion(fullgraph=False).prepare(Breaking(), inputs)
    assert torch.equal(as_timed(candidate, inputs), inputs.ids.float())


def test_a_compiled_arm_may_have_other_attention_kernels_and_nothing_else():
    work = CompilerFusion().declares(batch())
    assert (work.tokens_per_layer, work.changes) == (None, ("kernels", "compiled"))
    assert work.equivalent


@pytest.mark.parametrize("mode", ["fast", "", None, "max_autotune"])
def test_a_mode_that_torch_does_not_have_is_refused_by_its_key(mode):
    with pytest.raises(PlanError, match=r"executor.mode=.* is refused; allowed: default, reduce-overhead"):
        CompilerFusion(mode=mode)


@pytest.mark.parametrize("key", ["fullgraph", "dynamic"])
def test_a_switch_that_is_neither_on_nor_off_is_refused_by_its_key(key):
    with pytest.raises(PlanError, match=rf"executor.{key}=1 is refused; allowed: true, false"):
        CompilerFusion(**{key: 1})


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_compiled_kernels_compute_what_dense_does_without_compiling_in_a_timed_call(mode):
    model, inputs = encoder(depth=2), batch(padding=3, seed=1)
    output = as_timed(CompilerFusion(mode).prepare(model, batch()), inputs)
    assert type(output) is torch.Tensor
    torch.testing.assert_close(output, model(inputs.ids, inputs.mask), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_missing_compiler_is_a_failed_compilation(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    from torch._inductor import config

    absent = {"cpp.cxx": ("no-such-compiler",), "fx_graph_cache": False}
    said = r"compilation failed .* No working C\+\+ compiler"
    with config.patch(absent), pytest.raises(MeasurementError, match=said):
        CompilerFusion().prepare(encoder(depth=1, hidden=16), batch())
