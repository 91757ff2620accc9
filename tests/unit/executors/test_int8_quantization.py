import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import cosine_similarity

from ace.errors import PlanError
from ace.executors import int8_quantization
from ace.executors.int8_quantization import TORCHAO, Int8Quantization, engine, usable_engine
from tests.unit.executors.tiny import batch, encoder

SUPPORTED = torch.backends.quantized.supported_engines


@pytest.fixture
def torchao(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What is asked of torchao, without it."""
    asked = SimpleNamespace(model=None, config=None)
    module = ModuleType("torchao.quantization")
    module.Int8DynamicActivationInt8WeightConfig = lambda **settings: settings
    module.quantize_ = lambda model, config: vars(asked).update(model=model, config=config)
    monkeypatch.setitem(sys.modules, "torchao", ModuleType("torchao"))
    monkeypatch.setitem(sys.modules, "torchao.quantization", module)
    monkeypatch.setattr(int8_quantization, "find_spec", lambda name: object())
    return asked


def test_every_linear_map_computes_in_int8_and_nothing_else_does():
    model = encoder(depth=2)
    candidate = Int8Quantization().prepare(model, batch())
    kinds = {name: type(part) for name, part in candidate.named_modules()}
    for name, part in model.named_modules():
        assert (kinds[name] is not type(part)) is isinstance(part, nn.Linear), name
    assert candidate.layers[0].attention.query.weight().dtype is torch.qint8
    assert {p.dtype for p in candidate.parameters()} == {torch.float32}


def test_the_embedding_comes_close_to_dense_in_a_plain_tensor_and_is_not_dense():
    model, inputs = encoder(), batch(padding=4)
    with torch.inference_mode():
        output = Int8Quantization().prepare(model, inputs)(inputs.ids, inputs.mask)
        dense = model(inputs.ids, inputs.mask)
    assert type(output) is torch.Tensor
    assert output.dtype is torch.float32
    assert float(cosine_similarity(output, dense).min()) > 0.99
    assert not torch.allclose(output, dense, rtol=0, atol=1e-5)


def test_torch_ao_lets_what_stands_beside_an_example_change_its_embedding():
    """One range for the whole batch; the docstring says so, and quality scored in batches is of those batches."""
    inputs = batch(size=4)
    candidate = Int8Quantization().prepare(encoder(), inputs)
    together = candidate(inputs.ids, inputs.mask)
    alone = torch.cat([candidate(inputs.ids[i : i + 1], inputs.mask[i : i + 1]) for i in range(4)])
    assert (together - alone).abs().max() > 1e-5


def test_a_candidate_shares_no_memory_with_the_model_and_leaves_it_as_it_was():
    model, inputs = encoder(), batch()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    candidate = Int8Quantization().prepare(model, inputs)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not {p.data_ptr() for p in model.parameters()} & {p.data_ptr() for p in candidate.parameters()}


def test_an_int8_arm_may_have_another_number_type_and_nothing_else():
    work = Int8Quantization().declares(batch())
    assert (work.tokens_per_layer, work.changes) == (None, ("dtype",))


@pytest.mark.parametrize(
    ("supported", "current", "chosen"),
    [
        (["qnnpack", "onednn", "x86", "fbgemm"], "fbgemm", "fbgemm"),
        (["qnnpack", "none"], "none", "qnnpack"),
        (["none", "fbgemm", "x86"], "none", "x86"),
    ],
)
def test_torchs_own_engine_stays_unless_it_has_none(supported, current, chosen):
    assert usable_engine(supported, current) == chosen


def test_a_torch_without_an_int8_engine_is_refused_with_what_it_has():
    with pytest.raises(PlanError, match=r"executor.path=torch.ao is refused: .* only none; allowed: .*fbgemm"):
        usable_engine(["none"], "none")


def test_a_machine_without_an_int8_engine_is_refused_before_anything_is_packed(monkeypatch):
    monkeypatch.setattr(torch.backends, "quantized", SimpleNamespace(supported_engines=["none"], engine="none"))
    with pytest.raises(PlanError, match=r"executor.path=torch.ao is refused: .* or executor.path=torchao"):
        Int8Quantization().prepare(encoder(), batch())


@pytest.mark.skipif(len(SUPPORTED) < 2, reason="this torch has one engine: there is none to change to")
def test_the_process_keeps_its_engine_even_when_packing_fails():
    before = torch.backends.quantized.engine
    other = next(name for name in SUPPORTED if name != before)

    def fail_to_pack() -> None:
        with engine(other):
            assert torch.backends.quantized.engine == other
            raise KeyError

    with pytest.raises(KeyError):
        fail_to_pack()
    assert torch.backends.quantized.engine == before


def test_torchao_that_is_not_installed_is_refused_by_its_key_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(int8_quantization, "find_spec", lambda name: None)
    with pytest.raises(PlanError, match=r"executor.path=torchao is refused: .*`pip install --no-deps torchao`"):
        Int8Quantization(TORCHAO)


def test_torchao_is_given_the_copy_and_may_not_change_the_compilers_settings(torchao):
    model = encoder()
    assert Int8Quantization(TORCHAO).prepare(model, batch()) is torchao.model
    assert torchao.model is not model
    assert torchao.config == {"set_inductor_config": False}


@pytest.mark.parametrize("lacking", ["module", "config", "setting"])
def test_a_torchao_of_another_time_is_refused_by_its_key_with_the_command_that_mends_it(torchao, lacking, monkeypatch):
    module = sys.modules["torchao.quantization"]
    if lacking == "module":
        monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    elif lacking == "config":
        del module.Int8DynamicActivationInt8WeightConfig
    else:
        module.Int8DynamicActivationInt8WeightConfig = lambda: None
    mend = r"`pip install --no-deps --upgrade torchao`, or choose executor.path=torch.ao"
    with pytest.raises(PlanError, match=rf"executor.path=torchao is refused: .*; allowed: .*{mend}"):
        Int8Quantization(TORCHAO).prepare(encoder(), batch())


def test_the_real_torchao_embeds_an_example_the_same_whatever_stands_beside_it():
    model, inputs = encoder(), batch(size=4)
    candidate = Int8Quantization(TORCHAO).prepare(model, inputs)
    with torch.inference_mode():
        together, dense = candidate(inputs.ids, inputs.mask), model(inputs.ids, inputs.mask)
        alone = torch.cat([candidate(inputs.ids[i : i + 1], inputs.mask[i : i + 1]) for i in range(4)])
    assert type(together) is torch.Tensor
    assert 0.99 < float(cosine_similarity(together, dense).min()) < 1.0
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("path", ["int8", "", None, ["torch.ao"]])
def test_a_path_that_is_none_is_refused_by_its_key(path):
    with pytest.raises(PlanError, match=r"executor.path=.* is refused; allowed: torch.ao, torchao"):
        Int8Quantization(path)


@pytest.mark.parametrize("model", [nn.Sequential(nn.LayerNorm(2)), nn.Linear(2, 2)])
def test_a_model_with_nothing_to_quantise_is_refused_rather_than_measured_unchanged(model):
    with pytest.raises(PlanError, match=r"cannot be quantised: it has no nn.Linear inside. Choose"):
        Int8Quantization().prepare(model, batch())
