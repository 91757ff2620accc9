"""A small vision transformer for digits: the same encoder on patches instead of words, with hidden and depth free.

Dosovitskiy et al. 2021 (ViT), in the encoder's own post-norm form. An image of 28 x 28 pixels is a class token and 49
patches of 4 x 4; a patch is one int64, its 16 pixels at 4 bits each (`ace.benchmarks.mnist` packs them), so that an
image is a row of ids like a text and every executor finds what it knows. The output is 10 logits.

Weights come from `python -m ace.cli.train_vit`, which fits them on images that no benchmark scores; without them
the sizes can be timed with random weights (pretrained: false), and no quality is claimed.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ace.domain.plan import ModelSpec, require
from ace.errors import PlanError

if TYPE_CHECKING:
    from torch import nn

MODALITY = "image"
TOKENS, PATCH_PIXELS, CLASSES = 50, 16, 10
DEVIATION = 0.02


def check(spec: ModelSpec) -> None:
    """Raise PlanError when trained weights of this size are asked for and nobody has trained them here."""
    require(spec.positions == TOKENS, "model.positions", spec.positions, f"{TOKENS}: a class token and 49 patches")
    if spec.pretrained and not weights_file(spec).is_file():
        raise PlanError(
            f"model={spec.name} has no trained weights of hidden={spec.hidden} depth={spec.depth} here. Run: "
            f"python -m ace.cli.train_vit hidden={spec.hidden} depth={spec.depth} (a minute or more), or time random "
            "weights with model.pretrained=false."
        )


def weights_file(spec: ModelSpec) -> Path:
    """Where training leaves the weights of this size and seed: beside the other things that are kept by content."""
    cache = Path(os.environ.get("ACE_CACHE_DIR") or Path.home() / ".cache" / "ace")
    # named by the images they were fitted to: weights that have seen what is sealed now must not be found
    return cache / "models" / f"vit-h{spec.hidden}-d{spec.depth}-s{spec.seed}-of2000.safetensors"


def digests(spec: ModelSpec) -> tuple[tuple[str, str], ...]:
    """(name, sha256) of the trained weights; none for random ones, which the seed in the plan describes."""
    if not spec.pretrained:
        return ()
    file = weights_file(spec)
    return ((file.name, hashlib.sha256(file.read_bytes()).hexdigest()),)


def load(spec: ModelSpec) -> "nn.Module":
    """The transformer in evaluation mode, without gradients; trained, or with random weights drawn from the seed."""
    from safetensors.torch import load_file

    from ace.models.encoder import randomised
    from ace.models.vision import Vision

    check(spec)
    made = Vision(TOKENS, PATCH_PIXELS, CLASSES, spec.hidden, spec.depth, spec.heads)
    if spec.pretrained:
        made.load_state_dict(load_file(weights_file(spec)), strict=True)
    else:
        randomised(made, spec.seed, DEVIATION)
    return made.eval().requires_grad_(False)
