"""A .zip holds files and nothing else: what has no place in it is refused, whoever packed it."""

import io
import os
import shutil
import struct
import zipfile
from pathlib import Path

import pytest

from ace.errors import EvidenceError
from ace.report.container import CENTRAL, END, LOCAL, packed_in, write_archive
from ace.report.reading import open_bundle
from tests.unit.report.bundles import files

FILES = {"SHA256SUMS": b"sums\n", "memo.md": b"a memo, " * 20, "records/a.json": b"{}"}
UNSIGNED = {"made by": (4, 6), "hint": (36, 37), "attributes": (38, 42)}
"""Bytes of an entry of the directory that the header before the content does not repeat."""


def held(content: bytes) -> dict[str, bytes]:
    return {file.name: file.read() for file in packed_in(io.BytesIO(content))}


def own(tmp_path: Path, content=FILES) -> bytes:
    write_archive(content, tmp_path / "own.zip")
    return (tmp_path / "own.zip").read_bytes()


def foreign(content=FILES, method=zipfile.ZIP_DEFLATED, **changes) -> bytes:
    """As another tool packs; `changes` of every entry."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content_ in content.items():
            entry = zipfile.ZipInfo(name)
            for key, value in changes.items():
                setattr(entry, key, value)
            archive.writestr(entry, content_, method)
    return made.getvalue()


def unseen(whole: bytes) -> list[int]:
    """Places of which one bit can be another and the same files are read."""
    before, found = held(whole), []
    for place in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            try:
                same = held(bytes(changed)) == before
            except EvidenceError:
                continue
            if same and place not in found:
                found.append(place)
    return found


def test_no_bit_of_what_ace_packed_can_be_another(tmp_path):
    whole = own(tmp_path)
    assert held(whole) == FILES
    assert unseen(whole) == []


def test_of_what_another_tool_packed_only_its_version_a_hint_and_attributes_can_be_another():
    whole = foreign(method=zipfile.ZIP_STORED)
    assert held(whole) == FILES
    entries = [place for place in range(len(whole)) if whole.startswith(b"PK\1\2", place)]
    free = {entry + at for entry in entries for span in UNSIGNED.values() for at in range(*span)}
    assert set(unseen(whole)) <= free
    assert len(entries) == len(FILES)


def test_a_bundle_is_the_same_however_it_was_packed(bundle, tmp_path):
    folder = open_bundle(bundle)
    write_archive(files(bundle), tmp_path / "own.zip")
    shutil.make_archive(str(tmp_path / "made"), "zip", bundle)  # with an entry for every folder
    streamed, writing = os.pipe()
    with open(tmp_path / "streamed.zip", "wb") as to, os.fdopen(streamed, "rb") as end:
        with os.fdopen(writing, "wb") as pipe, zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("SHA256SUMS", (bundle / "SHA256SUMS").read_bytes())  # its sizes follow it
        to.write(end.read())
    content = bytearray((tmp_path / "streamed.zip").read_bytes())
    assert held(content) == {"SHA256SUMS": folder.files["SHA256SUMS"]}
    content[22:26] = struct.pack("<L", len(folder.files["SHA256SUMS"]))  # as `zip -` writes: what it does know
    assert held(content) == {"SHA256SUMS": folder.files["SHA256SUMS"]}
    content[22:26] = struct.pack("<L", 1)
    with pytest.raises(EvidenceError, match="another where it lies"):
        held(content)
    times = struct.pack("<2HBL", 0x5455, 5, 1, 0)
    (tmp_path / "timed.zip").write_bytes(foreign(files(bundle), extra=times))
    for name in ("own", "made", "timed"):
        found = open_bundle(tmp_path / f"{name}.zip")
        assert (found.files, found.digest, found.problems) == (folder.files, folder.digest, ())


def with_a_comment_of_all(whole: bytes) -> bytes:
    return whole[:-2] + struct.pack("<H", 6) + b"hidden"


def with_a_gap(whole: bytes) -> bytes:
    """Six bytes before the directory, which is moved by as many."""
    place = whole.index(b"PK\1\2")
    *facts, at, comment = END.unpack(whole[-END.size :])
    return whole[:place] + b"hidden" + whole[place : -END.size] + END.pack(*facts, at + 6, comment)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"prefix" + foreign(),
        foreign() + b"suffix",
        with_a_comment_of_all(foreign()),
        with_a_gap(foreign()),
        foreign(comment=b"hidden"),
        foreign(extra=struct.pack("<2H", 0x7075, 6) + b"hidden"),
        foreign(extra=struct.pack("<2H", 0x5455, 60) + b"cut off"),
        foreign(internal_attr=2),
        foreign(FILES | {"notes/": b"hidden"}),
        foreign(method=zipfile.ZIP_BZIP2),
        foreign()[: -END.size],
    ],
)
def test_what_is_no_file_of_an_archive_has_no_place_in_it(content):
    with pytest.raises(EvidenceError):
        held(content)


def test_a_seal_is_of_all_that_is_before_it(tmp_path):
    whole = own(tmp_path)
    with pytest.raises(EvidenceError, match="not what its seal says"):
        held(whole[:-1] + (b"0" if whole[-1:] != b"0" else b"1"))
    assert whole == own(tmp_path)


def test_a_file_that_is_another_in_the_directory_than_where_it_lies_is_refused():
    whole = foreign()
    at = LOCAL.size  # of the name where the first file lies
    with pytest.raises(EvidenceError, match="one thing in the directory and another where it lies"):
        held(whole[:at] + b"sha256sums" + whole[at + 10 :])


def test_words_behind_what_a_file_unpacks_to_are_refused():
    """Six bytes more are packed there; every size and place says so."""
    [(name, content)] = [("a", bytes(1000))]
    whole = foreign({name: content})
    packed = whole.index(b"PK\1\2") - LOCAL.size - 1
    directory = bytearray(whole[LOCAL.size + 1 + packed : -END.size])
    local = bytearray(whole[: LOCAL.size + 1 + packed])
    local[18:22] = directory[20:24] = struct.pack("<L", packed + 6)
    *facts, at, comment = END.unpack(whole[-END.size :])
    lie = bytes(local) + b"hidden" + bytes(directory) + END.pack(*facts, at + 6, comment)
    with zipfile.ZipFile(io.BytesIO(lie)) as archive:
        assert archive.read(name) == content  # who only asks zipfile is told nothing
    with pytest.raises(EvidenceError, match="checksum and sizes"):
        held(lie)
    assert len(directory) == CENTRAL.size + 1
