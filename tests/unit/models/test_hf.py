import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ace.domain.plan import ModelSpec, Shape
from ace.errors import PlanError
from ace.models import hf
from ace.models.loading import check_model, described_model, model_digests, model_tokenizer
from tests import builders
from tests.unit.models.folders import folder

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def spec(name: Path | str, hidden: int = 32, depth: int = 3, heads: int = 4, positions: int = 64) -> ModelSpec:
    return ModelSpec(str(name), "ace.models.hf.load", hidden, depth, heads, positions, True, 0)


def refusal(name: Path | str) -> str:
    with pytest.raises(PlanError) as caught:
        check_model(spec(name))
    text = str(caught.value)
    assert text.startswith("model.name=")
    assert "\n" not in text
    return text


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache that holds one commit of owner/model, known as main as well."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    kept = cache / "models--owner--model"
    folder(kept / "snapshots" / COMMIT)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(COMMIT)
    return kept / "snapshots" / COMMIT


def test_sizes_are_what_config_json_says_under_whatever_names(tmp_path):
    bert = described_model("ace.models.hf.load", str(folder(tmp_path / "bert")), None)
    assert bert == {"name": str(tmp_path / "bert"), "hidden": 32, "depth": 3, "head_dim": 8, "positions": 64}
    named = {"hidden_size": None, "num_hidden_layers": None, "num_attention_heads": None}
    distil = folder(tmp_path / "distil", model_type="distilbert", dim=48, n_layers=2, n_heads=3, **named)
    assert hf.describe(str(distil), None) == {
        "name": str(distil), "hidden": 48, "depth": 2, "head_dim": 16, "positions": 64
    }  # fmt: skip


def test_positions_that_no_text_reaches_are_not_counted(tmp_path):
    roberta = folder(tmp_path / "roberta", model_type="roberta", max_position_embeddings=514, pad_token_id=1)
    assert hf.describe(str(roberta), None)["positions"] == 512


def test_a_sound_folder_is_accepted_with_its_own_sizes_and_no_others(tmp_path):
    sound = spec(folder(tmp_path / "model"))
    check_model(sound)
    for key, value in (("hidden", 64), ("depth", 6), ("heads", 2), ("positions", 512)):
        with pytest.raises(PlanError, match=f"{key}={value} is refused; allowed: {getattr(sound, key)}, the size of"):
            check_model(replace(sound, **{key: value}))


def test_a_sequence_longer_than_its_positions_is_refused(tmp_path):
    plan = builders.plan()
    model = spec(folder(tmp_path / "model"))
    with pytest.raises(PlanError, match=r"seq_len=65 is refused; allowed: at most 64, the positions of model .*model"):
        replace(plan, model=model, shape=Shape(65, 1, 32, 3))


def test_a_missing_folder_is_refused_with_what_a_folder_must_hold(tmp_path):
    text = refusal(tmp_path / "nowhere")
    assert "there is no such folder; allowed: a folder that holds config.json, model.safetensors and" in text


def test_a_folder_without_config_json_is_refused(tmp_path):
    (folder(tmp_path / "model") / "config.json").unlink()
    assert "the folder has no config.json; allowed: a folder that holds" in refusal(tmp_path / "model")


def test_a_broken_config_json_is_refused(tmp_path):
    (folder(tmp_path / "model") / "config.json").write_text("{")
    assert "its config.json cannot be read" in refusal(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text("[]")
    assert "its config.json holds no JSON object" in refusal(tmp_path / "model")


def test_pickled_weights_are_refused_even_where_nothing_else_is(tmp_path):
    model = folder(tmp_path / "model")
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    text = refusal(model)
    assert "its weights are a pickle (pytorch_model.bin), which can run code when it is opened" in text
    assert "allowed: model.safetensors. Convert it" in text


def test_a_folder_without_weights_is_refused(tmp_path):
    (folder(tmp_path / "model") / "model.safetensors").unlink()
    assert "it has no weights" in refusal(tmp_path / "model")


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}, "names part-2.safetensors, which"),
        ({"weight_map": {"a": "../model.safetensors"}}, "names model.safetensors, which is not there"),
        ({}, "names any file, which is not there"),
    ],
)  # fmt: skip
def test_an_index_of_weights_that_names_files_elsewhere_or_nowhere_is_refused(tmp_path, index, said):
    model = folder(tmp_path / "model")
    (model / "model.safetensors").rename(model / "part-1.safetensors")
    (tmp_path / "model.safetensors").touch()
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    assert said in refusal(model)


def test_a_model_without_a_tokenizer_of_its_own_is_refused_instead_of_being_given_another_models_ids(tmp_path):
    (folder(tmp_path / "model") / "tokenizer.json").unlink()
    text = refusal(tmp_path / "model")
    assert "it has no tokenizer.json" in text
    assert "save_pretrained(...) makes the file" in text


def test_an_encoder_with_a_decoder_is_refused(tmp_path):
    assert "it has a decoder as well" in refusal(folder(tmp_path / "model", is_encoder_decoder=True))


def test_a_model_whose_sizes_nobody_names_is_refused(tmp_path):
    text = refusal(folder(tmp_path / "model", max_position_embeddings=None))
    assert "its config.json has no max_position_embeddings or n_positions" in text
    assert "its heads (5) do not divide" in refusal(folder(tmp_path / "odd", num_attention_heads=5))


def test_transformers_is_asked_for_where_our_encoder_will_not_do_and_only_there(tmp_path, monkeypatch):
    monkeypatch.setattr(hf, "find_spec", lambda _: None)
    check_model(spec(folder(tmp_path / "bert")))
    text = refusal(folder(tmp_path / "other", model_type="electra"))
    assert "its architecture (electra) needs the package transformers, which is not installed" in text
    assert "run `pip install ace[hf]`" in text


@pytest.mark.parametrize(
    "otherwise",
    [
        {"model_type": "roberta"}, {"hidden_act": "relu"}, {"layer_norm_eps": 1e-5}, {"intermediate_size": 64},
        {"position_embedding_type": "relative_key"}, {"is_decoder": True},
    ],
)  # fmt: skip
def test_a_bert_that_computes_otherwise_is_not_taken_for_our_encoder(tmp_path, otherwise):
    bert = json.loads((folder(tmp_path / "bert") / "config.json").read_text())
    assert hf.is_our_bert(bert)
    assert not hf.is_our_bert(bert | otherwise)


def test_the_norms_of_a_bert_that_we_take_over_are_our_encoders():
    from ace.models import encoder

    assert hf.OUR_BERT["layer_norm_eps"] == encoder.EPSILON


def test_every_file_that_makes_the_model_is_named_by_its_digest(tmp_path):
    model = folder(tmp_path / "model")
    (model / "README.md").write_text("not read")
    found = dict(model_digests(spec(model)))
    assert set(found) == {"config.json", "model.safetensors", "tokenizer.json"}
    assert found["model.safetensors"] == hashlib.sha256(b"weights").hexdigest()
    for name in found:
        with (model / name).open("ab") as file:
            file.write(b" ")
    assert not set(found.items()) & set(model_digests(spec(model)))


def test_all_parts_of_divided_weights_are_named_with_their_index(tmp_path):
    model = folder(tmp_path / "model")
    (model / "model.safetensors").rename(model / "part-1.safetensors")
    (model / "model.safetensors.index.json").write_text('{"weight_map": {"a": "part-1.safetensors"}}')
    assert [name for name, _ in model_digests(spec(model))] == [
        "config.json", "model.safetensors.index.json", "part-1.safetensors", "tokenizer.json"
    ]  # fmt: skip


def test_documents_are_tokenised_with_the_models_own_file_and_with_minilms_where_there_is_none(tmp_path):
    model = folder(tmp_path / "model")
    assert model_tokenizer(spec(model)) == model / "tokenizer.json"
    assert model_tokenizer(builders.plan().model) is None


@pytest.mark.parametrize("revision", ["main", COMMIT])
def test_a_hub_model_is_found_in_the_cache_and_named_after_its_commit(hub, revision):
    own = described_model("ace.models.hf.load", "owner/model", revision)
    assert own["name"] == f"owner/model@{COMMIT}"
    check_model(spec(str(own["name"])))
    assert model_tokenizer(spec(str(own["name"]))) == hub / "tokenizer.json"


def test_a_full_name_can_be_given_back_as_it_was_recorded(hub):
    assert hf.describe(f"owner/model@{COMMIT}", None)["name"] == f"owner/model@{COMMIT}"


def test_a_hub_model_without_a_revision_is_refused_because_branches_move(hub):
    with pytest.raises(PlanError, match=r"model\.revision=None is refused; allowed: a commit, tag or branch"):
        hf.describe("owner/model", None)


@pytest.mark.parametrize(("name", "revision"), [("owner/other", "main"), ("owner/model", "v2"), ("model", "main")])
def test_a_hub_model_that_is_not_in_the_cache_is_refused_with_the_command_that_fetches_it(hub, name, revision):
    with pytest.raises(PlanError) as caught:
        hf.describe(name, revision)
    text = str(caught.value)
    assert text.startswith(f"model.name={name} model.revision={revision} is refused: there is no folder of that name")
    assert f"Run: hf download {name} --revision {revision}; or give a local folder" in text


def test_a_local_folder_has_no_revision(tmp_path):
    with pytest.raises(PlanError, match=r"model\.revision=main is refused; allowed: null, as .* is a local folder"):
        hf.describe(str(folder(tmp_path / "model")), "main")


@pytest.mark.parametrize(
    ("name", "revision", "said"),
    [
        (None, None, r"model\.name=None is refused; allowed: a local folder, or a model of the hub"),
        ("owner/model", 1e7, r"model\.revision=10000000\.0 is refused; allowed: a text; put quotes"),
        ("../x/y", "main", r"model\.name=\.\./x/y is refused: there is no such folder"),
        ("a/b/c@d", None, r"model\.name=a/b/c model\.revision=d is refused"),
    ],
)
def test_what_is_no_name_of_a_model_is_refused(name, revision, said):
    with pytest.raises(PlanError, match=said):
        hf.describe(name, revision)
