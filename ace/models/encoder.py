"""The encoder that is made cheaper: BERT's post-norm transformer with a mean-pooled, normalised sentence embedding.

Devlin et al. 2019 (layers), Reimers & Gurevych 2019 (pooling). Hidden size, depth, heads and positions are real
parameters; `ace.models.minilm` fills it with pretrained weights, `ace.models.random_encoder` with random ones.

Executors rebuild its forward from the same parts without importing this module: `embeddings`, `layers[i].attention`
with `project` and `attend`, `layers[i].feed_forward`, `attention_bias` and `pool`. Every linear map lives under
`layers.<i>.`, where measurement's witness counts the tokens it is given.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-12  # BERT's layer norm


class Embeddings(nn.Module):
    """ids: (batch, tokens) -> (batch, tokens, hidden).  The one token type is part of the positions."""

    def __init__(self, vocabulary: int, positions: int, hidden: int):
        super().__init__()
        # left uninitialised: whoever makes an encoder sets every weight, and drawing these would take 0.2 s in vain
        self.words = nn.Embedding(vocabulary, hidden, _weight=torch.empty(vocabulary, hidden))
        self.positions = nn.Embedding(positions, hidden, _weight=torch.empty(positions, hidden))
        self.norm = nn.LayerNorm(hidden, eps=EPSILON)

    def forward(self, ids: Tensor) -> Tensor:  # noqa: D102
        normalised: Tensor = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]])
        return normalised


class Attention(nn.Module):
    """Self-attention in two steps, so that an executor can look at queries and keys in between."""

    def __init__(self, hidden: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden, eps=EPSILON)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(batch, tokens, hidden) -> q, k, v: (batch, heads, tokens, head_dim)."""
        split = (*x.shape[:2], self.heads, -1)
        return (
            self.query(x).view(split).transpose(1, 2),
            self.key(x).view(split).transpose(1, 2),
            self.value(x).view(split).transpose(1, 2),
        )

    def attend(self, x: Tensor, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        """Attention, residual and norm: (batch, queries, hidden).

        x and q may hold fewer tokens than k and v; bias: (batch, 1, 1, keys).
        """
        heads = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        normalised: Tensor = self.norm(x + self.output(heads.transpose(1, 2).flatten(2)))
        return normalised

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:  # noqa: D102
        return self.attend(x, *self.project(x), bias)


class FeedForward(nn.Module):
    """Two linear maps with GELU, residual and norm: (batch, tokens, hidden) -> the same."""

    def __init__(self, hidden: int):
        super().__init__()
        self.rise = nn.Linear(hidden, 4 * hidden)
        self.fall = nn.Linear(4 * hidden, hidden)
        self.norm = nn.LayerNorm(hidden, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        normalised: Tensor = self.norm(x + self.fall(functional.gelu(self.rise(x))))
        return normalised


class Layer(nn.Module):
    """Attention, then feed-forward."""

    def __init__(self, hidden: int, heads: int):
        super().__init__()
        self.attention = Attention(hidden, heads)
        self.feed_forward = FeedForward(hidden)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:  # noqa: D102
        forwarded: Tensor = self.feed_forward(self.attention(x, bias))
        return forwarded


class Encoder(nn.Module):
    """ids, mask: (batch, tokens) int64 -> sentence embeddings (batch, hidden) float32 of length 1."""

    def __init__(self, vocabulary: int, positions: int, hidden: int, depth: int, heads: int):
        super().__init__()
        self.embeddings = Embeddings(vocabulary, positions, hidden)
        self.layers = nn.ModuleList(Layer(hidden, heads) for _ in range(depth))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        bias = self.attention_bias(mask)
        x = self.embeddings(ids)
        for layer in self.layers:
            x = layer(x, bias)
        return self.pool(x, mask)

    def attention_bias(self, mask: Tensor) -> Tensor:
        """What hides padding from attention: (batch, tokens) -> (batch, 1, 1, tokens) float32.

        Made for inputs without padding too: leaving it out there saves at most 1 % of a call at 512 tokens and nothing
        that could be seen below 256, and asking first would make the graph depend on the data.
        """
        lowest = torch.finfo(torch.float32).min  # not -inf: a row of padding alone must not become NaN
        return (1.0 - mask[:, None, None, :].float()) * lowest

    def pool(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mean over the tokens, padding left out, scaled to length 1: (batch, tokens, hidden) -> (batch, hidden)."""
        return functional.normalize(masked_mean(x, mask), dim=-1)


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens, each weighed by its mask: (batch, tokens, hidden), (batch, tokens) -> (batch, hidden)."""
    weights = mask.unsqueeze(-1).to(x.dtype)
    return (x * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


def randomised(module: nn.Module, seed: int, deviation: float) -> None:
    """Weights as BERT and ViT start them: normal with this deviation, biases 0; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Linear | nn.Embedding):
                part.weight.normal_(0.0, deviation, generator=generator)
            if isinstance(part, nn.Linear):
                part.bias.zero_()
            if isinstance(part, nn.LayerNorm):
                part.reset_parameters()
