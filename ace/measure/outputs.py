"""What an arm returns: checked after every timed call, and kept from some for a second look.

A candidate that computes only when it is watched is found by comparing kept outputs with later ones.
"""

import torch

from ace.measure.failing import ArmError


def require_embedding(output: object, examples: int, width: int | None, stage: str, arm: str) -> torch.Tensor:
    """`output` as a finite float32 tensor (examples, width).  Raises ArmError("invalid output") that says what came."""

    def refuse(came: str) -> ArmError:
        wanted = f"({examples}, {width if width is not None else 'dim'}) float32, finite"
        return ArmError(stage, "invalid output", arm, f"the {arm} arm returned {came}; expected a tensor {wanted}")

    if type(output) is not torch.Tensor:  # a subclass may compute later, outside the timed region
        raise refuse(f"a {type(output).__name__}")
    if output.dtype is not torch.float32:
        raise refuse(f"dtype {output.dtype}".replace("torch.", ""))
    if output.ndim != 2 or output.shape[0] != examples or (width is not None and output.shape[1] != width):
        raise refuse(f"shape {tuple(output.shape)}")
    if not bool(torch.isfinite(output).all()):
        raise refuse("NaN or infinite values")
    return output


def relative_error(output: torch.Tensor, reference: torch.Tensor) -> float:
    """max |output - reference| / max |reference|; the difference itself where the reference is all zero."""
    scale = float(reference.abs().max())
    return float((output - reference).abs().max()) / (scale or 1.0)
