"""How alike are two news texts? All pairs of 50, rated by people (Lee, Pincombe & Welsh 2005), from gensim's wheel.

The texts are natural English with case and punctuation, 53 to 154 tokens long by MiniLM's tokenizer (median 101): at
64 tokens 47 of the 50 are cut, at 128 five. A rating is the mean over about ten people who answered from 1 to 5,
divided by 5, so that none is below .2. In the paper one person's ratings agreed with another's at a correlation of
about .6. The corpus's own licence was not established; it is read in place and not shipped, and gensim is not imported.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ace.benchmarks.rated import RatedDocuments
from ace.benchmarks.tokenised import TokenisedCorpus
from ace.domain.plan import BenchmarkSpec
from ace.errors import DataError
from ace.models.files import PinnedFile
from ace.models.words import words_of

FOLDER = "gensim/test/test_data"
TEXTS = PinnedFile("gensim", f"{FOLDER}/lee.cor", "a878f9a58f6743c32985c56c2f2f75988386216b38a4023a01fd3bcf7884d93e")
RATINGS = PinnedFile(
    "gensim", f"{FOLDER}/similarities0-1.txt", "23762bc6b728897144dda3d324a2c032dc1e059e1009806226d64b6dd123ed79"
)
DOCUMENTS = 50
ENCODING = "latin-1"


def human_similarity(
    spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path, tokenizer: Path | None = None  # noqa: ARG001
) -> RatedDocuments:
    """All 50, each at its own length up to `seq_len`, in the file's order; nothing is drawn, nothing is left out.

    Raises DataError when a file is missing, altered or laid out otherwise.
    """
    words = words_of(tokenizer)
    texts, ratings = _texts(TEXTS.verified()), _ratings(RATINGS.verified())
    corpus = TokenisedCorpus.of(words.encode(texts), [""] * len(texts))
    _, ids, tokens = corpus.cut(seq_len, shortest=0)
    if words.end is not None:
        ids[np.arange(len(ids)), tokens - 1] = words.end
    return RatedDocuments(
        ids=ids,
        mask=(np.arange(seq_len) < tokens[:, None]).astype(np.int64),
        ratings=ratings,
        digests=(TEXTS.digest, RATINGS.digest, words.digest),
    )


def _texts(path: Path) -> list[str]:
    """One document a line."""
    texts = path.read_text(encoding=ENCODING).removesuffix("\n").split("\n")
    if len(texts) != DOCUMENTS or not all(text.strip() for text in texts):
        raise DataError(f"{path} has {len(texts)} lines; expected {DOCUMENTS}, a text in each")
    return texts


def _ratings(path: Path) -> NDArray[np.float64]:
    """(50, 50) symmetric, NaN on the diagonal.  The file is its upper triangle, 1 on the diagonal, 0 below."""
    try:
        table = np.loadtxt(path, dtype=np.float64, encoding=ENCODING, ndmin=2)
    except ValueError as error:
        raise DataError(f"{path} is no table of numbers: {error}") from error
    if table.shape != (DOCUMENTS, DOCUMENTS):
        raise DataError(f"{path} is a table of {table.shape}; expected {DOCUMENTS} x {DOCUMENTS}")
    above = np.triu(table, 1)
    if not (np.array_equal(table, above + np.eye(DOCUMENTS)) and ((above >= 0) & (above <= 1)).all()):
        raise DataError(f"{path} must have 1 on the diagonal, 0 below and ratings from 0 to 1 above")
    ratings: NDArray[np.float64] = above + above.T
    np.fill_diagonal(ratings, np.nan)
    return ratings
