"""A bundle as one file: a .zip that is read as any other, and that says itself when a bit of it was changed.

Between a .zip and `reading`, which takes its entries for those of a folder. What ACE packs ends with its seal, in the
archive's comment: the digest of all before it. zipfile does the rest; of what another tool packed, it does not look at
times, attributes and whatever lies between the files, and neither does anything here: none of it is content.

A few kB can be packed so as to unpack to terabytes. So an entry is unpacked a few kB at a time and given up as soon as
it is more than it says, and what it says is bounded by `most_bytes_of` before.
"""

import copy
import io
import struct
import sys
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ace.errors import EvidenceError

END = struct.Struct("<4s4H2LH")  # of the record that ends an archive, the length of its comment last (APPNOTE 4.3.16)
SEAL = b"sha256:"
SEAL_BYTES = len(SEAL) + 64
UNIX = 3
PIECE_BYTES = 2**20
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
"""What ACE and ordinary tools write. zipfile hands each piece of a packed entry to its unpacker at once; a deflated one
is unpacked no further than asked for, LZMA makes at most some 7000 bytes of one, bzip2 ten times as many and more."""
UNPACKED_BYTES = 2**12
"""Of an entry at a time: as few as zipfile ever reads of what is packed. LZMA makes at most 30 MB of them."""
MOST_TIMES = 16
LEAST_ROOM_BYTES = 2**25
"""What an archive may hold beside `MOST_TIMES` its own size. A bundle of honest timings is packed to a
twelfth at the least, with text beside it; of a hostile one of a few MB nothing fills memory."""


def write_archive(files: Mapping[str, bytes], to: Path) -> None:
    """The same bytes for the same files, and their seal."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_LZMA) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            entry.create_system = UNIX
            archive.writestr(entry, files[name], zipfile.ZIP_LZMA)
    content = to.read_bytes()
    sealed = content[: -END.size] + END.pack(*END.unpack(content[-END.size :])[:-1], SEAL_BYTES)
    to.write_bytes(sealed + SEAL + sha256(sealed).hexdigest().encode())


def require_nothing_beside(archive: zipfile.ZipFile, file: BinaryIO) -> None:
    """Refuse what is before the first file, after the end or in a folder's own entry, and a seal that is none.

    `file`: what `archive` reads.  Raises EvidenceError.
    """
    comment, whole = archive.comment, file.seek(0, 2)
    end = whole - END.size - len(comment)
    file.seek(end)
    if file.read(4) != b"PK\5\6":
        raise EvidenceError("something follows its end")
    if min((entry.header_offset for entry in archive.infolist()), default=0):
        raise EvidenceError("something stands before its first file")
    for entry in archive.infolist():
        if entry.filename.endswith("/") and entry.file_size:
            raise EvidenceError(f"{entry.filename} is a folder and has content")
        if entry.compress_type not in READABLE:
            raise EvidenceError(
                f"{entry.filename} is packed by method {entry.compress_type}; only stored, deflated and LZMA files are "
                "read: unpack it and pack the files anew, as `zip -r` does"
            )
    if comment and comment != SEAL + _digest_of_first(file, whole - len(comment)):
        raise EvidenceError("it is not what its seal says: it was changed after it was packed")


def most_bytes_of(archive_bytes: int) -> int:
    """How much an archive of so many bytes may say that its files hold."""
    return MOST_TIMES * archive_bytes + LEAST_ROOM_BYTES


def unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The content of an entry.  Raises EvidenceError where it is not as long as it says, as soon as it is longer."""
    said, content = entry.file_size, io.BytesIO()
    asked = copy.copy(entry)
    asked.file_size = sys.maxsize  # zipfile would cut what is longer, and say nothing
    with archive.open(asked) as packed:
        while content.tell() <= said and (piece := packed.read(UNPACKED_BYTES)):
            content.write(piece)
    if content.tell() != said:
        raise EvidenceError(
            f"{entry.filename} holds {'more' if content.tell() > said else 'less'} than the {said} bytes that it says"
        )
    return content.getvalue()


def _digest_of_first(file: BinaryIO, size: int) -> bytes:
    made, left = sha256(), size
    file.seek(0)
    while left:
        piece = file.read(min(left, PIECE_BYTES))
        made.update(piece)
        left -= len(piece)
    return made.hexdigest().encode()
