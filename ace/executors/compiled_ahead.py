"""The unchanged model compiled ahead of time: what torch.compile makes, kept, so that a session only loads it.

AOTInductor (torch.export, then TorchInductor; Ansel et al. 2024, "PyTorch 2", and PyTorch's manual, "AOTInductor")
turns the forward pass into a shared library whose kernels are those of `compiler_fusion`, without the Python around
them. Every claim is held against the compiled model in every session; torch.compile costs a session seconds even when
it finds everything in its caches (imports, tracing, guards), a library that lies ready some hundredths of one.

The library is given the weights of the arm's own copy, which lie in memory as every other arm's do; the smallest ones
inductor writes into the code, so that another model's weights are another library.

It lies in `$ACE_CACHE_DIR/compiled`, else `~/.cache/ace/compiled`, under a digest of all that it depends on. What is
not there, or is damaged, or no longer computes what the model computes, is made in a process of its own that has ended
before anything is timed: the session that pays for it is afterwards like those that do not.
"""

import copy
import os
from pathlib import Path

import torch
from torch import Tensor, nn

from ace.domain.plan import require
from ace.domain.workload import KERNELS, Batch, Work
from ace.errors import MeasurementError
from ace.executors.ahead_building import digest_of_files, failed, make, tensors_of
from ace.executors.ahead_keys import key_of

TRACED_TOKENS = 32  # what a dynamic export is traced with, whatever the example: one library for all sessions
TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-4}
OTHER_TOLERANCE = 3e-2  # half precision; relative, of all outputs together


class CompiledAhead:
    """`dynamic`: one library for all numbers of tokens that the model takes, instead of one for the example's."""

    def __init__(self, dynamic: bool = False):
        require(isinstance(dynamic, bool), "executor.dynamic", dynamic, "true, false")
        self.dynamic = dynamic

    def prepare(self, model: nn.Module, example: Batch) -> nn.Module:
        """The compiled copy, loaded, and seen to compute what the model computes.

        Raises MeasurementError when compilation fails, which is a failure of this arm and never a slow arm.
        """
        own = copy.deepcopy(model).eval().requires_grad_(False)
        ids, mask = example.ids.clone(), example.mask.clone()
        with torch.inference_mode():
            expected = own(ids, mask)
        traced = self._traced(ids), self._traced(mask)
        entry = _home() / key_of(own, traced, self.dynamic)
        candidate = _loaded(own, entry, tuple(ids.shape))
        if candidate is None or not _agrees(candidate, ids, mask, expected):
            make(own, traced, self.dynamic, entry)
            candidate = _loaded(own, entry, tuple(ids.shape))
        if candidate is None:
            raise MeasurementError(failed(self.dynamic, f"what was compiled cannot be read back from {entry}"))
        if not _agrees(candidate, ids, mask, expected):
            raise MeasurementError(failed(self.dynamic, "what was compiled does not compute what the model computes"))
        return candidate

    def declares(self, example: Batch) -> Work:  # noqa: ARG002
        """The compiler may choose another attention kernel."""
        return Work(changes=(KERNELS,))

    def _traced(self, given: Tensor) -> Tensor:
        """(batch, tokens) -> what is exported: the same shape, or (batch, TRACED_TOKENS) when that may vary."""
        if not self.dynamic:
            return given
        return given.repeat(1, -(-TRACED_TOKENS // given.shape[1]))[:, :TRACED_TOKENS].contiguous()


class Ahead(nn.Module):
    """A model and its library.  It has the model's parameters and no others.

    ids, mask: (batch, tokens) int64 -> (batch, hidden) float32. Its linear maps are not called, so that nothing can be
    counted at them.
    """

    def __init__(self, model: nn.Module, entry: Path, shape: tuple[int, ...]):
        super().__init__()
        facts = torch.load(entry / "facts.pt", weights_only=True)
        runner = torch._C._aoti.AOTIModelContainerRunnerCpu(str(next(entry.glob("*.so"))), 1)
        held = {name: tensor.detach() for name, tensor in tensors_of(model)} | facts["constants"]
        wanted = runner.get_constant_names_to_original_fqns()
        self._held = {name: held[original] for name, original in wanted.items()}  # the library only points at them
        if self._held:
            runner.update_constant_buffer(self._held, False, True, True)
        self._run = runner.run
        self.model = model
        self.shape = shape
        self.limits: tuple[int, int] | None = facts["limits"]  # of tokens; None: for this shape alone

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # noqa: D102
        if ids.shape != self.shape or mask.shape != self.shape:
            self._require_shape(ids, mask)
        # the library believes what it was compiled for, strides too
        return self._run([ids.contiguous(), mask.contiguous()])[0]

    def _require_shape(self, ids: Tensor, mask: Tensor) -> None:
        batch, tokens = self.shape
        least, most = self.limits or (tokens, tokens)
        if ids.shape == mask.shape == (batch, ids.shape[-1]) and least <= ids.shape[-1] <= most:
            return
        compiled = f"{batch} x {least}..{most}" if self.limits else f"{batch} x {tokens}"
        given = " and ".join(" x ".join(str(n) for n in shape) for shape in dict.fromkeys((ids.shape, mask.shape)))
        advice = "the batch is fixed" if self.limits else "use executor.dynamic=true for inputs of several lengths"
        raise MeasurementError(f"compiled ahead for batch x tokens = {compiled}, given {given}; {advice}.")


def _loaded(model: nn.Module, entry: Path, shape: tuple[int, ...]) -> Ahead | None:
    """The module of a kept entry; None when there is none or it is not what was written."""
    try:
        if (entry / "sha256").read_text(encoding="ascii") != digest_of_files(entry):
            return None
        return Ahead(model, entry, shape)
    except (OSError, UnicodeDecodeError):
        return None


def _agrees(candidate: Ahead, ids: Tensor, mask: Tensor, expected: object) -> bool:
    """Whether it computes what the model computes; a key may have missed something."""
    if not isinstance(expected, Tensor):
        raise MeasurementError(f"the model returned a {type(expected).__name__}; expected one tensor to compile for")
    with torch.inference_mode():
        output = candidate(ids, mask)
    if (output.shape, output.dtype) != (expected.shape, expected.dtype):
        return False
    error, size = (output.double() - expected.double()).norm(), expected.double().norm()
    return bool(error <= TOLERANCES.get(expected.dtype, OTHER_TOLERANCE) * size)  # NaN is no agreement


def _home() -> Path:
    return Path(os.environ.get("ACE_CACHE_DIR") or Path.home() / ".cache" / "ace") / "compiled"
