"""The study that lies in this repository: its bundle verifies, and does not once a byte of it is another."""

import zipfile
from pathlib import Path

import pytest

from ace.cli import verify
from benchmarks.study import MOST_BYTES, STUDIES

ARCHIVE, PAGE = STUDIES / "token_pruning.zip", STUDIES / "token_pruning.md"


def verified(archive: Path) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        verify.main([str(archive)])
    return ended.value.code


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    with zipfile.ZipFile(ARCHIVE) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: dict[str, bytes], place: Path) -> Path:
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return place


def with_a_changed_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def test_the_study_verifies_and_is_small_enough_for_the_repository(capsys):
    assert verified(ARCHIVE) == 0
    verdict = capsys.readouterr().out.splitlines()[0].removeprefix("VERIFIED: ").split()[0]
    assert f"**{verdict.replace('_', ' ')}**" in PAGE.read_text(encoding="utf-8")
    assert ARCHIVE.stat().st_size <= MOST_BYTES


@pytest.mark.parametrize("start", ["decision.json", "evidence.json", "records/", "report.html"])
def test_one_changed_byte_in_the_study_is_named(capsys, files, tmp_path, start):
    name = next(name for name in sorted(files) if name.startswith(start))
    lie = packed(files | {name: with_a_changed_byte(files[name])}, tmp_path / "lie.zip")
    assert verified(lie) == 1
    assert name in capsys.readouterr().out


def test_one_changed_byte_of_packed_content_does_not_verify(tmp_path):
    with zipfile.ZipFile(ARCHIVE) as archive:
        first = min(archive.infolist(), key=lambda entry: entry.header_offset)
    # 30 bytes of a local header and its name, then the content
    place = first.header_offset + 30 + len(first.filename) + first.compress_size // 2
    content = bytearray(ARCHIVE.read_bytes())
    content[place] ^= 1
    lie = tmp_path / "lie.zip"
    lie.write_bytes(content)
    assert verified(lie) != 0
