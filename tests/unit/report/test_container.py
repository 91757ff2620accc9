"""A .zip is its files: what ACE packed shows every changed bit, and nobody's archive hides anything beside them."""

import io
import shutil
import struct
import zipfile
from pathlib import Path

import pytest

from ace.errors import EvidenceError
from ace.report.container import END, require_nothing_beside, write_archive
from ace.report.reading import UNREADABLE, open_bundle
from tests.unit.report.bundles import files

FILES = {"SHA256SUMS": b"sums\n", "memo.md": b"a memo, " * 20, "records/a.json": b"{}"}


def held(content: bytes) -> dict[str, bytes]:
    file = io.BytesIO(content)
    with zipfile.ZipFile(file) as archive:
        require_nothing_beside(archive, file)
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def own(tmp_path: Path) -> bytes:
    write_archive(FILES, tmp_path / "own.zip")
    return (tmp_path / "own.zip").read_bytes()


def foreign(content=FILES) -> bytes:
    """As another tool packs."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, inside in content.items():
            archive.writestr(name, inside)
    return made.getvalue()


def unseen(whole: bytes) -> list[int]:
    """Places of which one bit can be another and nothing is refused."""
    found = []
    for place in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            try:
                held(bytes(changed))
            except (*UNREADABLE, EvidenceError):
                continue
            found.append(place)
    return found


def test_no_bit_of_what_ace_packed_can_be_another(tmp_path):
    whole = own(tmp_path)
    assert held(whole) == FILES
    assert unseen(whole) == []
    assert whole == own(tmp_path)


def test_a_bundle_is_the_same_however_it_was_packed(bundle, tmp_path):
    folder = open_bundle(bundle)
    write_archive(files(bundle), tmp_path / "own.zip")
    shutil.make_archive(str(tmp_path / "made"), "zip", bundle)  # with an entry for every folder
    for name in ("own", "made"):
        found = open_bundle(tmp_path / f"{name}.zip")
        assert (found.files, found.digest, found.problems) == (folder.files, folder.digest, ())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"prefix" + foreign(), "before its first file"),
        (foreign() + b"suffix", "follows its end"),
        (foreign()[:-2] + struct.pack("<H", 6) + b"hidden", "not what its seal says"),
        (foreign(FILES | {"notes/": b"hidden"}), "is a folder and has content"),
    ],
)
def test_what_is_no_file_of_an_archive_has_no_place_in_it(content, why, tmp_path):
    (tmp_path / "odd.zip").write_bytes(content)
    with pytest.raises(EvidenceError, match=f"no archive of a bundle: .*{why}"):
        open_bundle(tmp_path / "odd.zip")


@pytest.mark.parametrize("content", [b"", b"PK", foreign()[: -END.size]])
def test_what_is_no_archive_is_refused(content, tmp_path):
    (tmp_path / "odd.zip").write_bytes(content)
    with pytest.raises(EvidenceError, match="cannot be read"):
        open_bundle(tmp_path / "odd.zip")
