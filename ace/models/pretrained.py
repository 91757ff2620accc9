"""What pretrained models share: sizes that nobody can choose, and BERT's weights under our encoder's names.

The model modules (`minilm`, `minilm_l3`, `hf`) read their files each in its own way and come here with what they read.
torch is imported where an encoder is made, so that the parent process can check sizes without it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ace.domain.plan import ModelSpec, require
from ace.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from ace.models.encoder import Encoder

AROUND_LAYERS = {
    "embeddings.words.weight": "embeddings.word_embeddings.weight",
    "embeddings.positions.weight": "embeddings.position_embeddings.weight",
    "embeddings.norm.weight": "embeddings.LayerNorm.weight",
    "embeddings.norm.bias": "embeddings.LayerNorm.bias",
}
TOKEN_TYPES = "embeddings.token_type_embeddings.weight"
# our name -> the checkpoint's, inside one layer
LAYER_NAMES = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.output": "attention.output.dense",
    "attention.norm": "attention.output.LayerNorm",
    "feed_forward.rise": "intermediate.dense",
    "feed_forward.fall": "output.dense",
    "feed_forward.norm": "output.LayerNorm",
}


def require_sizes(spec: ModelSpec, sizes: Mapping[str, int]) -> None:
    """Raise PlanError when the spec asks for sizes that the pretrained weights do not have."""
    for key, only in sizes.items():
        require(
            getattr(spec, key) == only,
            key,
            getattr(spec, key),
            f"{only}, the size of the pretrained {spec.name}; model=encoder has random weights and any size",
        )


def encoder_of(checkpoint: "Mapping[str, Tensor]", spec: ModelSpec) -> "Encoder":
    """The encoder with BERT's weights, in evaluation mode, without gradients.

    The pooler, which no sentence embedding uses, is left out. Raises DataError when a tensor is missing or of another
    shape.
    """
    from ace.models.encoder import Encoder

    weights = _renamed(checkpoint, spec)
    encoder = Encoder(len(weights["embeddings.words.weight"]), spec.positions, spec.hidden, spec.depth, spec.heads)
    # copies into memory of its own (assign=False): left in a mapped file, the baseline's weights would be paged and
    # aligned otherwise than those of a candidate, which is a copy
    try:
        encoder.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        said = " ".join(str(error).split())[:300]
        raise DataError(f"the weights of {spec.name} have other shapes than its sizes say: {said}") from error
    return encoder.eval().requires_grad_(False)


def _renamed(checkpoint: "Mapping[str, Tensor]", spec: ModelSpec) -> "dict[str, Tensor]":
    names = dict(AROUND_LAYERS)
    for i in range(spec.depth):
        for ours, theirs in LAYER_NAMES.items():
            for kind in ("weight", "bias"):
                names[f"layers.{i}.{ours}.{kind}"] = f"encoder.layer.{i}.{theirs}.{kind}"
    missing = [name for name in (*names.values(), TOKEN_TYPES) if name not in checkpoint]
    if missing:
        raise DataError(f"the weights of {spec.name} hold no {missing[0]}, which every BERT has; get the file anew.")
    renamed = {ours: checkpoint[theirs] for ours, theirs in names.items()}
    # every token is of type 0: its row is added to the positions once instead of in every call
    renamed["embeddings.positions.weight"] = renamed["embeddings.positions.weight"] + checkpoint[TOKEN_TYPES][0]
    return renamed
