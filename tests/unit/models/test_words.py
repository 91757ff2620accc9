from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from ace.errors import DataError
from ace.models import tokenizer
from ace.models.words import words_of

VOCABULARY = {"[UNK]": 0, "<s>": 1, "</s>": 2, "a": 3, "b": 4}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Words between <s> and </s>, with truncation and padding switched on as many files have it."""
    made = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 1), ("</s>", 2)])
    made.enable_truncation(4)
    made.enable_padding(length=4)
    made.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_texts_are_framed_and_as_long_as_they_are_whatever_the_file_says(own):
    words = words_of(own)
    assert words.encode(["a", "a b a b a", ""]) == [[1, 3, 2], [1, 3, 4, 3, 4, 3, 2], [1, 2]]
    assert words.end == 2
    assert words.digest[0] == "tokenizer.json"


def test_nothing_is_put_back_at_the_end_of_a_text_that_nothing_closes(own):
    made = Tokenizer.from_file(str(own))
    made.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", 1)])
    made.save(str(own))
    assert words_of(own).encode(["a b"]) == [[1, 3, 4]]
    assert words_of(own).end is None


def test_a_change_of_the_file_changes_its_digest(own):
    before = words_of(own).digest
    own.write_text(own.read_text() + "\n")
    assert words_of(own).digest != before


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match=r"tokenizer\.json is no tokenizer that can be read"):
        words_of(tmp_path / "tokenizer.json")


def test_without_a_file_the_words_are_minilms():
    words, texts = words_of(None), ["an old car", "colourless green ideas"]
    assert (words.end, words.digest) == (tokenizer.SEP, tokenizer.TOKENIZER.digest)
    assert words.encode(texts) == tokenizer.encode(tokenizer.load(), texts)


def test_minilms_own_file_gives_the_same_ids_either_way():
    words, texts = words_of(tokenizer.TOKENIZER.verified()), ["an old car", "colourless green ideas"]
    assert words.encode(texts) == words_of(None).encode(texts)
    assert words.end == tokenizer.SEP
