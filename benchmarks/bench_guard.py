"""What the guard costs a call: `python -m benchmarks.bench_guard`; asked are at most 20 microseconds.

Both arms do nothing with as many modules and weights as the default model has, which the guard looks at in every call,
so that what is left is the guard: guarded calls against bare ones of the same module, in pairs.
"""

import time
from dataclasses import replace
from importlib import metadata
from statistics import median

import torch
from torch import nn

from ace.domain.envelope import NOTHING, Admitted, Bound, Envelope
from ace.domain.plan import Shape
from ace.domain.verdict import Verdict
from ace.guard import Guard
from ace.models.digests import weights_digest
from ace.models.surroundings import cpu_model

CALLS, REPEATS = 2000, 15
KERNELS = ("_scaled_dot_product_flash_attention_for_cpu.default",)


class Nothing(nn.Module):
    """Returns what it was given; holds as many modules and tensors as the default model does (72, 100)."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleList(nn.Linear(8, 8) for _ in range(50)).eval()
        self.outer = nn.ModuleList(nn.Identity() for _ in range(19)).eval()
        self.eval()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """The ids themselves."""
        return ids


def envelope(baseline: nn.Module) -> Envelope:
    """Bound to this very process."""
    corner, threads = Shape(128, 4, 384, 6), torch.get_num_threads()
    torch_version = metadata.version("torch")
    bound = Bound(weights_digest(baseline), cpu_model(), "cpu", threads, torch_version, ("float32",), KERNELS)
    return replace(
        NOTHING,
        problem=None,
        verdict=Verdict.ACCEPTED,
        bound=bound,
        admitted=(Admitted(corner, 0.2, 0.1, 0.3),),
        measured=(corner,),
        expires_at=time.time() + 3600,
    )


def per_call_s(call: nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> float:
    """Seconds of one call, over many."""
    started = time.perf_counter()
    for _ in range(CALLS):
        call(ids, mask)
    return (time.perf_counter() - started) / CALLS


def main() -> None:
    """Print the overhead inside the envelope (padding is looked for) and outside of it."""
    bare = Nothing()
    guarded = Guard(bare, Nothing(), envelope(bare))
    for name, shape in (("inside", (4, 128)), ("outside", (4, 512))):
        ids, mask = torch.zeros(shape, dtype=torch.int64), torch.ones(shape, dtype=torch.int64)
        extra = [per_call_s(guarded, ids, mask) - per_call_s(bare, ids, mask) for _ in range(REPEATS)]
        print(f"{name}: {1e6 * median(extra):.1f} microseconds a call more than the bare module (asked: 20)")
    print(guarded.decisions)


if __name__ == "__main__":
    main()
