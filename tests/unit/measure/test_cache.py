from pathlib import Path

import numpy as np
import pytest

from ace.errors import DataError
from ace.measure.cache import cached_array, cached_json


def test_an_entry_is_made_once_and_read_afterwards(tmp_path: Path) -> None:
    made = []

    def make() -> np.ndarray:
        made.append(1)
        return np.arange(6.0)

    first, second = cached_array(tmp_path, "key", make), cached_array(tmp_path, "key", make)
    assert len(made) == 1
    assert np.array_equal(first, second)


def test_an_altered_entry_is_made_again_and_never_believed(tmp_path: Path) -> None:
    cached_json(tmp_path, "key", lambda: {"score": 1})
    (tmp_path / "key.json").write_text('{"score":2}')
    assert cached_json(tmp_path, "key", lambda: {"score": 1}) == {"score": 1}


def test_a_folder_that_cannot_be_made_is_named_with_the_key_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="point cache_dir to a folder you can write"):
        cached_json(tmp_path / "file" / "cache", "key", lambda: 1)
