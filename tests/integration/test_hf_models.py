"""Small models that transformers itself wrote to a folder, as ACE loads them, against transformers' own outputs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ace.domain.plan import ModelSpec
from ace.domain.workload import Batch
from ace.errors import AceError, PlanError
from ace.executors.compiler_fusion import CompilerFusion
from ace.executors.identity import Identity
from ace.executors.int8_quantization import Int8Quantization
from ace.executors.token_pruning import TokenPruning
from ace.executors.truncation import Truncation
from ace.models import hf, minilm
from ace.models.encoder import Encoder
from ace.models.hf_pooled import MeanPooled, load_pooled
from ace.models.loading import load_model

pytestmark = pytest.mark.filterwarnings("ignore")  # whatever transformers says about itself
VOCABULARY = 200
SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 128}
KINDS = {
    "bert": SIZES | {"max_position_embeddings": 64},
    "relu-bert": SIZES | {"max_position_embeddings": 64, "hidden_act": "relu"},
    "roberta": SIZES | {"max_position_embeddings": 66, "pad_token_id": 1},
    "distilbert": {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 64},
}
LENGTHS = [[20, 20, 20], [20, 12, 3], [64]]


def write(kind: str, folder: Path, head: str = "AutoModel", **how: object) -> Path:
    """A model with random weights, saved by transformers, with a tokenizer.json."""
    import transformers
    from tokenizers import Tokenizer, models

    torch.manual_seed(1)
    config = transformers.AutoConfig.for_model(kind.rpartition("-")[2], vocab_size=VOCABULARY, **KINDS[kind])
    model = getattr(transformers, head).from_config(config)
    with torch.no_grad():  # fresh weights are so small that layers would hardly show in the output
        for weight in model.parameters():
            weight.mul_(3)
    model.save_pretrained(folder, **how)
    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: write(kind, tmp_path_factory.mktemp("models") / kind) for kind in KINDS}


def loaded(folder: Path) -> nn.Module:
    own = hf.describe(str(folder), None)
    heads = int(str(own["hidden"])) // int(str(own["head_dim"]))
    sizes = (int(str(own["hidden"])), int(str(own["depth"])), heads, int(str(own["positions"])))
    return load_model(ModelSpec(str(folder), "ace.models.hf.load", *sizes, True, 0))


def inputs(lengths: list[int], seed: int = 0) -> Batch:
    ids = torch.randint(5, VOCABULARY, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(seed))
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return Batch(ids * mask, mask)


@torch.inference_mode()
def expected(folder: Path, batch: Batch) -> torch.Tensor:
    from transformers import AutoModel

    states = AutoModel.from_pretrained(folder).eval()(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    rows = [states[i, batch.mask[i].bool()].mean(0) for i in range(len(states))]
    return nn.functional.normalize(torch.stack(rows))


@torch.inference_mode()
def embedded(model: nn.Module, batch: Batch) -> torch.Tensor:
    output: torch.Tensor = model(batch.ids, batch.mask)
    return output


def difference(folder: Path, lengths: list[int]) -> float:
    batch = inputs(lengths)
    ours = embedded(loaded(folder), batch)
    assert ours.dtype == torch.float32
    return float((ours - expected(folder, batch)).abs().max())


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_embedding_is_transformers_own_to_the_fifth_decimal_padded_and_not(folders, kind, lengths):
    assert difference(folders[kind], lengths) <= 1e-5


def test_a_bert_becomes_our_encoder_and_its_tokens_can_be_pruned(folders):
    model = loaded(folders["bert"])
    assert isinstance(model, Encoder)
    pruned = TokenPruning(keep_ratio=0.5).prepare(model, inputs([20, 20]))
    assert embedded(pruned, inputs([20, 20])).shape == (2, 32)


def test_the_folder_of_the_default_model_is_the_default_model():
    default = load_model(ModelSpec("minilm", "ace.models.minilm.load", 384, 6, 12, 512, True, 0))
    same = loaded(minilm.WEIGHTS.verified().parent)
    theirs = default.state_dict()
    assert all(torch.equal(weight, theirs[name]) for name, weight in same.state_dict().items())


@pytest.mark.parametrize("kind", ["relu-bert", "roberta", "distilbert"])
def test_another_architecture_takes_every_executor_that_takes_any_module(folders, kind):
    model, batch = loaded(folders[kind]), inputs([20, 12])
    assert isinstance(model, MeanPooled)
    assert torch.equal(embedded(Identity().prepare(model, batch), batch), embedded(model, batch))
    shortened = Batch(batch.ids[:1, [*range(10), 19]], batch.mask[:1, :11])
    torch.testing.assert_close(
        embedded(Truncation(0.5).prepare(model, batch), Batch(batch.ids[:1], batch.mask[:1])),
        embedded(model, shortened),
    )
    narrow = embedded(Int8Quantization().prepare(model, batch), batch)
    assert nn.functional.cosine_similarity(narrow, embedded(model, batch)).min() > 0.95


def test_an_executor_that_needs_the_parts_of_our_encoder_says_what_another_architecture_lacks(folders):
    with pytest.raises(PlanError, match="tokens of a MeanPooled cannot be dropped: it has no embeddings"):
        TokenPruning().prepare(loaded(folders["distilbert"]), inputs([20]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_every_architecture_can_be_compiled_in_one_graph(folders, kind):
    model, batch = loaded(folders[kind]), inputs([20, 12])
    compiled = CompilerFusion().prepare(model, batch)
    torch.testing.assert_close(embedded(compiled, batch), embedded(model, batch), rtol=0, atol=1e-5)


def test_our_encoder_and_the_wrapped_one_compute_the_same(folders):
    batch = inputs([20, 12, 3])
    wrapped = load_pooled(folders["bert"], "bert")
    assert (embedded(wrapped, batch) - embedded(loaded(folders["bert"]), batch)).abs().max() <= 1e-6


def test_the_last_position_that_is_counted_can_be_used_and_the_next_cannot(folders):
    model = loaded(folders["roberta"])
    assert embedded(model, inputs([64])).isfinite().all()
    with pytest.raises((IndexError, RuntimeError)):
        embedded(model, inputs([65]))


def test_half_precision_weights_are_run_in_single_precision(tmp_path, folders):
    for kind in ("bert", "distilbert"):
        half = write(kind, tmp_path / kind)
        weights = {name: tensor.half() for name, tensor in load_file(half / "model.safetensors").items()}
        save_file(weights, half / "model.safetensors", {"format": "pt"})
        model = loaded(half)
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
        assert (embedded(model, inputs([20])) - expected(folders[kind], inputs([20]))).abs().max() <= 1e-2


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_divided_weights_are_put_together(tmp_path, kind):
    divided = write(kind, tmp_path / kind, max_shard_size="40KB")
    assert not (divided / "model.safetensors").exists()
    assert difference(divided, [20, 12]) <= 1e-5


def test_the_encoder_is_found_under_the_head_that_it_was_trained_with_and_with_norms_named_as_they_once_were(tmp_path):
    headed = write("bert", tmp_path / "headed", head="AutoModelForMaskedLM")
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    weights = load_file(headed / "model.safetensors")
    assert "bert.embeddings.LayerNorm.weight" in weights
    for modern, once in old.items():
        weights = {name.replace(modern, once): tensor for name, tensor in weights.items()}
    save_file(weights, headed / "model.safetensors", {"format": "pt"})
    assert difference(headed, [20, 12]) <= 1e-5


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta"])
def test_weights_that_are_not_there_are_never_made_up(tmp_path, kind):
    torn = write(kind, tmp_path / kind)
    weights = load_file(torn / "model.safetensors")
    gone = next(name for name in weights if name.endswith(("key.weight", "k_lin.weight")))
    del weights[gone]
    save_file(weights, torn / "model.safetensors", {"format": "pt"})
    with pytest.raises(AceError, match=f"hold no {gone}"):
        loaded(torn)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_weights_of_other_shapes_than_config_json_says_are_refused(tmp_path, kind):
    other = write(kind, tmp_path / kind)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 128}))
    with pytest.raises(AceError, match=r"positions?(_embeddings)?\.weight"):
        loaded(other)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_weights_that_are_no_safetensors_are_refused(tmp_path, kind):
    broken = write(kind, tmp_path / kind)
    (broken / "model.safetensors").write_bytes(b"no such thing")
    with pytest.raises(PlanError, match=r"cannot (be read|read it)"):
        loaded(broken)


def test_code_that_comes_with_a_model_is_never_run(tmp_path):
    foreign = write("distilbert", tmp_path / "foreign")
    config = json.loads((foreign / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}
    (foreign / "config.json").write_text(json.dumps(config))
    (foreign / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(PlanError, match="transformers cannot read it"):
        loaded(foreign)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_weights_lie_in_memory_of_their_own(folders, kind):
    first, second = loaded(folders[kind]), loaded(folders[kind])
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert ours.data_ptr() != theirs.data_ptr()
        assert ours.data_ptr() % 64 == 0
        assert not ours.requires_grad


def test_the_parent_process_asks_all_it_needs_without_torch_and_a_bert_needs_no_transformers(folders):
    code = """
import sys
from ace.domain.plan import ModelSpec
from ace.models.loading import check_model, described_model, load_model, model_digests, model_tokenizer
own = described_model("ace.models.hf.load", sys.argv[1], None)
spec = ModelSpec(own["name"], "ace.models.hf.load", own["hidden"], own["depth"], 4, own["positions"], True, 0)
check_model(spec), model_digests(spec), model_tokenizer(spec)
print("torch" in sys.modules, "transformers" in sys.modules)
load_model(spec)
print("torch" in sys.modules, "transformers" in sys.modules)
"""
    command = [sys.executable, "-c", code, str(folders["bert"])]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.split() == ["False", "False", "True", "False"]
