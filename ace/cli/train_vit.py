"""`python -m ace.cli.train_vit hidden=64 depth=4`: fits the vision transformer of this size, once a machine.

Beside the main path: `model=vit` loads what this leaves. It sees the 2000 images that no benchmark scores. The same
machine, versions and arguments give the same weights; another may round otherwise, so records carry the digest of the
weights they used. Exit 0 when the weights are kept, 2 with one line on stderr when they cannot be.
"""

import sys
from collections.abc import Iterator, Sequence

import torch
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.progress import track
from safetensors.torch import save_file
from torch.nn import functional

from ace import wiring
from ace.benchmarks import mnist
from ace.domain.plan import ModelSpec
from ace.errors import AceError, DataError
from ace.models.encoder import randomised
from ace.models.vision import Vision
from ace.models.vit import CLASSES, PATCH_PIXELS, TOKENS, weights_file

CELL = ("model=vit", "split=mnist_development", f"seq_len={TOKENS}", "executor=identity")
EPOCHS, BATCH = 30, 50
RATE, DECAY, DEVIATION = 2e-3, 0.05, 0.08  # AdamW (Loshchilov & Hutter 2019), one cycle (Smith & Topin 2018)


def main(overrides: Sequence[str] | None = None) -> None:
    """Entry point."""
    try:
        given = sys.argv[1:] if overrides is None else overrides
        kept = train(wiring.plan_of(wiring.compose_config([*CELL, *given])).model)
    except (AceError, HydraException, OmegaConfBaseException) as error:
        print(f"train_vit: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    print(f"weights: {kept}")


def train(spec: ModelSpec) -> str:
    """Fit, keep, return where."""
    torch.manual_seed(spec.seed)
    torch.use_deterministic_algorithms(True)
    ids, labels = (torch.from_numpy(array) for array in mnist.training())
    made = Vision(TOKENS, PATCH_PIXELS, CLASSES, spec.hidden, spec.depth, spec.heads)
    randomised(made, spec.seed, DEVIATION)
    batches = list(_batches(len(ids), spec.seed))
    optimiser = torch.optim.AdamW(made.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=len(batches), pct_start=0.2)
    for rows in track(batches, f"fitting hidden={spec.hidden} depth={spec.depth}", console=Console(stderr=True)):
        loss = functional.cross_entropy(made(ids[rows], torch.ones_like(ids[rows])), labels[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    file = weights_file(spec)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(made.state_dict(), file)
    except OSError as error:
        raise DataError(f"{file} cannot be written ({error}); point ACE_CACHE_DIR to one that can be.") from error
    return str(file)


def _batches(images: int, seed: int) -> Iterator[torch.Tensor]:
    """Rows of every step: each epoch all images in another order."""
    order = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        yield from torch.split(torch.randperm(images, generator=order), BATCH)


if __name__ == "__main__":
    main()
