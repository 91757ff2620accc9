"""Token ids of a whole corpus, kept by content so that tokenising happens once a machine.

Used by the corpus modules. An entry is one file: the sha256 of the rest in its first line, then the arrays. It is
written under another name and renamed, checked whenever it is read, and made again when it does not verify.
"""

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ace.errors import DataError

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TokenisedCorpus:
    """Documents of any length, end to end.

    ids: (all tokens,) uint16, uint32 where a vocabulary needs it; ends: (n,) int64, where each document stops;
    labels: (n,) int64 indices into label_names.
    """

    ids: NDArray[np.uint16] | NDArray[np.uint32]
    ends: NDArray[np.int64]
    labels: NDArray[np.int64]
    label_names: tuple[str, ...]

    @classmethod
    def of(cls, ids: Sequence[Sequence[int]], labels: Sequence[str]) -> "TokenisedCorpus":
        """From one list of ids and one label per document."""
        names = sorted(set(labels))
        index = {name: i for i, name in enumerate(names)}
        every = np.fromiter(chain.from_iterable(ids), np.uint32)
        return cls(
            every.astype(np.uint16) if every.max(initial=0) <= np.iinfo(np.uint16).max else every,
            np.cumsum([len(document) for document in ids], dtype=np.int64),
            np.array([index[label] for label in labels], dtype=np.int64),
            tuple(names),
        )

    def cut(self, length: int, shortest: int) -> tuple[Ints, Ints, Ints]:
        """Documents of at least `shortest` tokens, of each the first `length`.

        Returns their indices (m,), ids (m, length) with zeros behind shorter documents, and tokens left of each (m,).
        """
        starts = np.concatenate([[0], self.ends[:-1]])
        rows = np.flatnonzero(self.ends - starts >= shortest)
        tokens = np.minimum(self.ends[rows] - starts[rows], length)
        place = np.arange(length)
        within = place < tokens[:, None]
        at = np.where(within, starts[rows, None] + place, 0)
        return rows, np.where(within, self.ids[at], 0).astype(np.int64), tokens


def kept_or_made(path: Path, make: Callable[[], TokenisedCorpus]) -> TokenisedCorpus:
    """The corpus in the cache entry `path`, made and written there when it is missing or does not verify."""
    kept = _read(path)
    if kept is not None:
        return kept
    made = make()
    _write(path, made)
    return made


def _read(path: Path) -> TokenisedCorpus | None:
    try:
        claimed, _, content = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from error
    if hashlib.sha256(content).hexdigest().encode() != claimed:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = tuple(str(name) for name in arrays["label_names"])
        return TokenisedCorpus(arrays["ids"], arrays["ends"], arrays["labels"], names)


def _write(path: Path, corpus: TokenisedCorpus) -> None:
    buffer = io.BytesIO()
    np.savez(
        buffer, allow_pickle=False, ids=corpus.ids, ends=corpus.ends, labels=corpus.labels,
        label_names=np.array(corpus.label_names),
    )
    content = buffer.getvalue()
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        unfinished.replace(path)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be used ({error.strerror}); point cache_dir to a folder you can write.")
