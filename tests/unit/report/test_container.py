"""A .zip is its files: what ACE packed shows every changed bit, and nobody's archive hides anything beside them."""

import io
import shutil
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from ace.errors import EvidenceError
from ace.report import container
from ace.report.container import END, require_nothing_beside, unpacked, write_archive
from ace.report.reading import UNREADABLE, open_bundle
from tests.unit.report.bundles import files, vouched

FILES = {"SHA256SUMS": b"sums\n", "memo.md": b"a memo, " * 20, "records/a.json": b"{}"}


def held(content: bytes) -> dict[str, bytes]:
    file = io.BytesIO(content)
    with zipfile.ZipFile(file) as archive:
        require_nothing_beside(archive, file)
        return {entry.filename: unpacked(archive, entry) for entry in archive.infolist()}


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


def lying(method: int, holds: int, says: int) -> bytes:
    """An archive whose one file holds more or fewer zeros than its header says."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("SHA256SUMS", bytes(holds))
        archive.filelist[0].file_size = says
    return made.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
@pytest.mark.parametrize(("holds", "says", "how"), [(5000, 4999, "more"), (5000, 100, "more"), (4096, 4097, "less")])
def test_a_file_that_is_not_as_long_as_it_says_is_refused_however_it_is_packed(method, holds, says, how):
    with pytest.raises(EvidenceError, match=f"SHA256SUMS holds {how} than the {says} bytes that it says"):
        held(lying(method, holds, says))


@pytest.mark.parametrize(("method", "most_bytes"), [(zipfile.ZIP_DEFLATED, 2**20), (zipfile.ZIP_LZMA, 2**27)])
def test_what_would_unpack_to_more_than_it_says_is_given_up_before_it_fills_memory(method, most_bytes):
    content = lying(method, 3 * 2**25, 100)
    tracemalloc.start()
    try:
        with pytest.raises(EvidenceError, match="holds more than the 100 bytes"):
            held(content)
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


def test_a_file_packed_in_a_way_that_cannot_be_unpacked_in_pieces_is_refused_by_name(bundle, tmp_path):
    with zipfile.ZipFile(tmp_path / "odd.zip", "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in files(bundle).items():
            archive.writestr(name, content)
    with pytest.raises(EvidenceError, match=r"SHA256SUMS is packed by method 12; .* pack the files anew"):
        open_bundle(tmp_path / "odd.zip")


def test_an_archive_that_says_it_holds_far_more_than_its_size_is_refused_before_it_is_unpacked(
    bundle, tmp_path, monkeypatch
):
    (bundle / "memo.md").write_bytes(bytes(2**22))
    vouched(bundle)
    shutil.make_archive(str(tmp_path / "made"), "zip", bundle)
    assert open_bundle(tmp_path / "made.zip").problems == ()
    monkeypatch.setattr(container, "LEAST_ROOM_BYTES", 0)
    monkeypatch.setattr(container, "MOST_TIMES", 8)
    with pytest.raises(EvidenceError, match=f"more than {8 * (tmp_path / 'made.zip').stat().st_size} bytes"):
        open_bundle(tmp_path / "made.zip")
