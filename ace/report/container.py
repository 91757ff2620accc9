"""A bundle as one file: a .zip that is read as any other, and that says itself when a bit of it was changed.

Between a .zip and `reading`, which takes its entries for those of a folder. What ACE packs ends with its seal, in the
archive's comment: the digest of all before it. zipfile does the rest; of what another tool packed, it does not look at
times, attributes and whatever lies between the files, and neither does anything here: none of it is content.
"""

import struct
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
    if comment and comment != SEAL + _digest_of_first(file, whole - len(comment)):
        raise EvidenceError("it is not what its seal says: it was changed after it was packed")


def _digest_of_first(file: BinaryIO, size: int) -> bytes:
    made, left = sha256(), size
    file.seek(0)
    while left:
        piece = file.read(min(left, PIECE_BYTES))
        made.update(piece)
        left -= len(piece)
    return made.hexdigest().encode()
