"""Any encoder of Hugging Face's, from a local folder or from the hub's cache: `model=hf model.name=FOLDER`.

Sizes come from its config.json, tokens from its own tokenizer.json. Whatever pooling it was trained with, its embedding
here is the mean over the tokens scaled to length 1, as for every other model, and always in float32. A BERT becomes our
own encoder, on which every executor works; it is read without transformers. Other architectures run as transformers
writes them (extra `hf`), so that executors which need the encoder's parts refuse them; those that take any module work.

The parent asks for digests, sizes and a check, without torch and without transformers.
"""

from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ace.domain.plan import ModelSpec, require
from ace.errors import PlanError
from ace.models.hf_files import Checkpoint, full_name
from ace.models.pretrained import encoder_of, require_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

# what our encoder computes; a config.json that is silent means the same, for these are BertConfig's own defaults
OUR_BERT = {"hidden_act": "gelu", "position_embedding_type": "absolute", "layer_norm_eps": 1e-12, "is_decoder": False}


def describe(name: object, revision: object) -> dict[str, object]:
    """Full name and sizes under their configuration keys.  Raises PlanError when there is no such model here."""
    if not isinstance(name, str):
        raise PlanError(
            f"model.name={name} is refused; allowed: a local folder, or a model of the hub as owner/model with "
            "model.revision."
        )
    require(
        revision is None or isinstance(revision, str),
        "model.revision",
        revision,
        "a text; put quotes around a commit that reads like a number",
    )
    called = full_name(name, None if revision is None else str(revision))
    sizes = Checkpoint.named(called).sizes()
    heads = sizes.pop("heads")
    return {"name": called, **sizes, "head_dim": sizes["hidden"] // heads}


def digests(spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    """(name, sha256) of config, weights and tokenizer, as they are now."""
    return Checkpoint.named(spec.name).digests()


def libraries(spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    """The version of transformers where it runs the model: a BERT is read without it."""
    if is_our_bert(Checkpoint.named(spec.name).config):
        return ()
    try:
        return (("transformers", metadata.version("transformers")),)
    except metadata.PackageNotFoundError:
        return ()


def tokenizer(spec: ModelSpec) -> "Path":
    """The tokenizer.json that its documents are tokenised with."""
    return Checkpoint.named(spec.name).tokenizer()


def check(spec: ModelSpec) -> None:
    """Raise PlanError for a model that cannot be loaded as the spec says, or not from what its folder holds."""
    checkpoint = Checkpoint.named(spec.name)
    require_sizes(spec, checkpoint.sizes())
    checkpoint.weights()
    checkpoint.tokenizer()
    if checkpoint.config.get("is_encoder_decoder") is True:
        raise PlanError(f"model.name={spec.name} is refused: it has a decoder as well; allowed: encoders.")
    if not is_our_bert(checkpoint.config) and find_spec("transformers") is None:
        raise PlanError(
            f"model.name={spec.name} is refused: its architecture ({checkpoint.config.get('model_type')}) needs the "
            "package transformers, which is not installed; run `pip install ace[hf]`, or choose a BERT."
        )


def load(spec: ModelSpec) -> "nn.Module":
    """The pretrained encoder in evaluation mode, without gradients: ours where it is a BERT, else a `MeanPooled`."""
    check(spec)
    checkpoint = Checkpoint.named(spec.name)
    if is_our_bert(checkpoint.config):
        return encoder_of(_bert_weights(checkpoint), spec)
    from ace.models.hf_pooled import load_pooled

    return load_pooled(checkpoint.folder, spec.name)


def is_our_bert(config: "Mapping[str, Any]") -> bool:
    """Whether our encoder computes what this config.json describes."""
    return (
        config.get("model_type") == "bert"
        and config.get("intermediate_size") == 4 * config.get("hidden_size", 0)
        and all(config.get(key, ours) == ours for key, ours in OUR_BERT.items())
    )


def _bert_weights(checkpoint: Checkpoint) -> "dict[str, Tensor]":
    """All tensors by BertModel's names: with a head on it the encoder is called bert, and old ones name norms apart."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    weights: dict[str, Tensor] = {}
    try:
        for file in checkpoint.weights():
            weights |= load_file(file)
    except SafetensorError as error:
        raise PlanError(f"model.name={checkpoint.name} is refused: its weights cannot be read: {error}.") from error
    modern = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
    named = {}
    for name, tensor in weights.items():
        for old, new in modern.items():
            name = name.replace(old, new)
        named[name.removeprefix("bert.")] = tensor
    return named
