"""Dynamic int8 of the linear layers: weights once, activations anew in every call, products in whole numbers.

Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference";
dynamic: the range of the activations is that of the call itself, so nothing is calibrated. Embeddings, norms and
attention stay float32.

torch.ao takes one range for the whole batch: what stands beside an example changes its embedding, so it is scored in
batches of the size that is timed. torchao takes one range for each token, and one for each output channel of the
weights.
"""

import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec

import torch
from torch import nn

from ace.domain.plan import require
from ace.domain.workload import DTYPE, Batch, Work
from ace.errors import PlanError

TORCH_AO, TORCHAO = "torch.ao", "torchao"
ENGINES = ("x86", "fbgemm", "onednn", "qnnpack")  # those with a dynamic linear layer, best first where several are


class Int8Quantization:
    """`path`: torch.ao is built into torch and deprecated there, torchao a package of its own that succeeds it."""

    def __init__(self, path: str = TORCH_AO):
        require(path in (TORCH_AO, TORCHAO), "executor.path", path, f"{TORCH_AO}, {TORCHAO}")
        if path == TORCHAO and find_spec(TORCHAO) is None:
            raise PlanError(
                f"executor.path={path} is refused: the package torchao is not installed; "
                f"run `pip install --no-deps torchao`, or choose executor.path={TORCH_AO}."
            )
        self.path = path

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:  # noqa: ARG002
        """A copy of the model with every nn.Linear in int8."""
        own = copy.deepcopy(model)
        if not any(type(part) is nn.Linear for part in own.modules() if part is not own):
            raise PlanError(
                f"a {type(model).__name__} cannot be quantised: it has no nn.Linear inside. "
                "Choose a model that has, such as model=minilm or model=encoder."
            )
        if self.path == TORCH_AO:
            quantise_with_torch_ao(own)
        else:
            quantise_with_torchao(own)
        return own

    def declares(self, example: Batch) -> Work:  # noqa: ARG002
        """The weights have another number type."""
        return Work(changes=(DTYPE,))


def quantise_with_torch_ao(model: nn.Module) -> None:
    """Replace every nn.Linear of `model`, in place."""
    chosen = usable_engine(torch.backends.quantized.supported_engines, torch.backends.quantized.engine)
    with engine(chosen), warnings.catch_warnings():
        # deprecated is what this path is; it is kept because torchao is slow on many CPUs
        warnings.filterwarnings("ignore", r"torch\.ao\.quantization is deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", r"torch\.quantize_per_tensor, .* are deprecated", UserWarning)
        from torch.ao.quantization import quantize_dynamic

        quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8, inplace=True)  # type: ignore[no-untyped-call]


def quantise_with_torchao(model: nn.Module) -> None:
    """Replace the weight of every nn.Linear of `model`, in place."""
    try:
        torchao = import_module("torchao.quantization")
        # its default would change inductor's settings for the whole process, and with them a compiled arm beside it
        config = torchao.Int8DynamicActivationInt8WeightConfig(set_inductor_config=False)
    except (ImportError, AttributeError, TypeError) as error:
        raise PlanError(
            f"executor.path={TORCHAO} is refused: the torchao that is installed cannot be used with this torch "
            f"{torch.__version__}: {error}; allowed: torchao 0.9 or later that fits it. Run `pip install --no-deps "
            f"--upgrade torchao`, or choose executor.path={TORCH_AO}."
        ) from error
    torchao.quantize_(model, config)


def usable_engine(supported: Sequence[str], current: str) -> str:
    """torch's own choice where it has a dynamic linear layer, else the first that has.  PlanError where none has."""
    usable = [name for name in ENGINES if name in supported]
    if not usable:
        raise PlanError(
            f"executor.path={TORCH_AO} is refused: this torch has no engine for it, only {', '.join(supported)}; "
            f"allowed: a torch with one of {', '.join(ENGINES)}, or executor.path={TORCHAO}."
        )
    return current if current in usable else usable[0]


@contextmanager
def engine(name: str) -> Iterator[None]:
    """Pack weights for this engine; calls then go by how they were packed, and the process keeps its own setting."""
    before = torch.backends.quantized.engine
    if name != before:
        torch.backends.quantized.engine = name
    try:
        yield
    finally:
        if name != before:
            torch.backends.quantized.engine = before
