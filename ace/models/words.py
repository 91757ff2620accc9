"""Texts to token ids for one model: with its own tokenizer.json, or with MiniLM's where it has none.

Between the models, which name the file, and the benchmarks, which turn whole corpora into ids and cut those to length.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from ace.errors import DataError
from ace.models import tokenizer
from ace.models.hf_files import sha256_of


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """`encode`: texts to ids at full length, framed as the model expects them. `end`: the id that closes a text, to be
    put back where one is cut; None where nothing closes it. `digest`: (name, sha256) of the file."""

    encode: Callable[[Sequence[str]], list[list[int]]]
    end: int | None
    digest: tuple[str, str]


def words_of(file: Path | None) -> Words:
    """Those of a tokenizer.json; MiniLM's without one.  Raises DataError when the file cannot be read."""
    if file is None:
        return Words(_minilm, tokenizer.SEP, tokenizer.TOKENIZER.digest)
    try:
        own = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises Exception itself
        raise DataError(
            f"{file} is no tokenizer that can be read: {error}; copy or download the model again."
        ) from error
    own.no_truncation()
    own.no_padding()
    framed = own.encode("a")
    closed = bool(framed.special_tokens_mask) and framed.special_tokens_mask[-1] == 1

    def encode(texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in own.encode_batch_fast(list(texts))]

    return Words(encode, framed.ids[-1] if closed else None, (file.name, sha256_of(file)))


def _minilm(texts: Sequence[str]) -> list[list[int]]:
    return tokenizer.encode(tokenizer.load(), texts)
