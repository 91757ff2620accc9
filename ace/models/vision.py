"""The vision transformer itself: patches to logits, from the encoder's own layers.

Used by `vit`, which loads it, and by `ace.cli.train_vit`; kept apart so that the parent process can ask for digests
without torch.
"""

import torch
from torch import Tensor, nn

from ace.models.encoder import EPSILON, Encoder, masked_mean

BITS, GREYS = 4, 15  # a pixel has 16 levels


class PatchEmbeddings(nn.Module):
    """ids: (batch, tokens) int64, each the packed pixels of a patch -> (batch, tokens, hidden).

    The first token is the class token: what stands there as an id is not looked at.
    """

    shifts: Tensor

    def __init__(self, tokens: int, patch_pixels: int, hidden: int):
        super().__init__()
        self.patch = nn.Linear(patch_pixels, hidden)
        self.first = nn.Parameter(torch.zeros(hidden))
        self.positions = nn.Embedding(tokens, hidden)
        self.norm = nn.LayerNorm(hidden, eps=EPSILON)
        self.register_buffer("shifts", BITS * torch.arange(patch_pixels), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:  # noqa: D102
        pixels = (ids.unsqueeze(-1) >> self.shifts & GREYS).to(self.first.dtype) / GREYS  # (batch, tokens, pixels)
        patches = self.patch(pixels[:, 1:])
        x = torch.cat([self.first.expand(len(ids), 1, -1), patches], dim=1)
        normalised: Tensor = self.norm(x + self.positions.weight[: ids.shape[1]])
        return normalised


class Vision(Encoder):
    """ids, mask: (batch, tokens) int64 -> logits (batch, classes) float32."""

    def __init__(self, tokens: int, patch_pixels: int, classes: int, hidden: int, depth: int, heads: int):
        super().__init__(1, 1, hidden, depth, heads)
        self.embeddings = PatchEmbeddings(tokens, patch_pixels, hidden)  # type: ignore[assignment]
        self.head = nn.Linear(hidden, classes)

    def pool(self, x: Tensor, mask: Tensor) -> Tensor:
        """Logits of the mean over tokens: (batch, tokens, hidden) -> (batch, classes)."""
        logits: Tensor = self.head(masked_mean(x, mask))
        return logits
