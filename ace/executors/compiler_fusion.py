"""Compiler fusion: the unchanged model through torch.compile.

Ansel et al. 2024, "PyTorch 2" (TorchDynamo and TorchInductor): the forward pass is traced once into a graph, whose
element-wise operations are fused into generated C++ (or Triton) kernels. What any other idea must beat: a candidate
that beats eager dense alone has shown nothing that the compiler does not give for free.

Inductor needs a C++ compiler (g++), and seconds to minutes per shape. It keeps what it built in the directory that the
environment variable TORCHINDUCTOR_CACHE_DIR names, under the system's temporary directory without it; sessions inherit
the variable, so that the first one pays for a cold compile and the others for a warm one.
"""

import copy
import warnings

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import COMPILED, KERNELS, Batch, Work
from ace.errors import MeasurementError

MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


class CompilerFusion:
    """torch.compile's own three settings; without a GPU reduce-overhead is default, for there are no CUDA graphs.

    `fullgraph`: refuse a model that breaks into several graphs, instead of measuring a part of it compiled. `dynamic`:
    one kernel for all shapes, instead of one compilation for each.
    """

    def __init__(self, mode: str = "default", fullgraph: bool = True, dynamic: bool = False):
        require(mode in MODES, "executor.mode", mode, ", ".join(MODES))
        require(isinstance(fullgraph, bool), "executor.fullgraph", fullgraph, "true, false")
        require(isinstance(dynamic, bool), "executor.dynamic", dynamic, "true, false")
        self.mode = mode
        self.fullgraph = fullgraph
        self.dynamic = dynamic

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        """The compiled copy, called once so that no timed call has to compile.

        Raises MeasurementError when compilation fails, which is a failure of the candidate and never a slow candidate.
        """
        own = copy.deepcopy(model).eval()  # training or not is part of what was traced
        # out here, as timed inputs are made: under inference_mode they would be another kind of tensor, traced apart
        ids, mask = example.ids.clone(), example.mask.clone()
        with warnings.catch_warnings():
            # torch's own mkldnn module, which inductor imports, still uses what torch deprecates
            warnings.filterwarnings("ignore", "`torch.jit.script_method` is deprecated", DeprecationWarning)
            from torch._dynamo.exc import TorchDynamoException  # here: it takes seconds, and only this arm needs it

            try:
                candidate = Compiled(own, self.mode, self.fullgraph, self.dynamic)
                with torch.inference_mode():  # as timed calls are made: gradient modes are traced apart
                    candidate(ids, mask)
            except TorchDynamoException as error:
                raise MeasurementError(self._failed(error)) from error
        return candidate

    def declares(self, example: Batch) -> Work:  # noqa: ARG002
        """The same numbers; the compiler may choose another attention kernel."""
        return Work(changes=(KERNELS, COMPILED), equivalent=True)

    def _failed(self, error: Exception) -> str:
        said = " ".join(str(error).split())
        return (
            f"compilation failed with executor.mode={self.mode}, executor.fullgraph={self.fullgraph}: "
            f"{type(error).__name__}: {said[:600]} -- nothing was timed. "
            "A graph break: executor.fullgraph=false compiles the parts; a missing C++ compiler: install g++."
        )


class Compiled(nn.Module):
    """A model and its compiled call.  It has the model's parameters and no others.

    ids, mask: (batch, tokens) int64 -> (batch, hidden) float32.
    """

    def __init__(self, model: nn.Module, mode: str, fullgraph: bool, dynamic: bool):
        super().__init__()
        self.model = model
        # in place: no second module that holds the parameters once more, and the model's own hooks are kept
        self.model.compile(mode=mode, fullgraph=fullgraph, dynamic=dynamic)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        output: Tensor = self.model(ids, mask)
        return output
