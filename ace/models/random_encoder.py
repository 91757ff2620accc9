"""The same encoder with random weights and any hidden size, depth and heads: for speed, never for quality.

The axes hidden and depth of a sweep are measured on it. Weights are drawn from the spec's seed, so that every session
of a cell times the same module.
"""

from typing import TYPE_CHECKING

from ace.domain.plan import ModelSpec, require

if TYPE_CHECKING:
    from torch import nn

VOCABULARY = 30522  # that of the tokenizer
DEVIATION = 0.02  # BERT's initialisation


def digests(spec: ModelSpec) -> tuple[tuple[str, str], ...]:  # noqa: ARG001
    """No file is read: the seed in the plan says it all."""
    return ()


def check(spec: ModelSpec) -> None:
    """Raise PlanError when random weights are announced as pretrained ones: quality would be claimed for noise."""
    require(not spec.pretrained, "model.pretrained", spec.pretrained, f"false, as {spec.name} has random weights")


def load(spec: ModelSpec) -> "nn.Module":
    """An encoder with normally distributed weights, in evaluation mode, without gradients."""
    from ace.models.encoder import Encoder, randomised

    check(spec)
    encoder = Encoder(VOCABULARY, spec.positions, spec.hidden, spec.depth, spec.heads)
    randomised(encoder, spec.seed, DEVIATION)
    return encoder.eval().requires_grad_(False)
