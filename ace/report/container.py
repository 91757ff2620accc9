"""An archive that holds files and nothing else: every byte of a .zip has its place.

Between a .zip and `reading`, which takes its entries for those of a folder. zipfile looks only at the directory at the
end, and bytes that it never looks at are bytes that anybody may change. Here local headers must be those of the
directory, entries must lie end to end from the first byte on, and nothing may follow (PKWARE, APPNOTE 6.3).

What ACE packs ends with its seal, the digest of all before: not a bit of it can be another. Of what another tool
packed, times, attributes, owners and the tool's version remain, which nobody can hold against anything, and the choice
among packings of the same content.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ace.errors import EvidenceError

LOCAL, CENTRAL, END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s4H2LH")
DESCRIPTOR = struct.Struct("<3L")
STORED, DEFLATED, LZMA = 0, 8, 14
HINTS, DESCRIBED, UTF_8 = 0b110, 0b1000, 1 << 11
FLAGS = HINTS | DESCRIBED | UTF_8
"""What may be said of an entry: how hard it was packed, that its sizes follow it, that its name is UTF-8."""
EXTRAS = {0x5455: "times", 0x5855: "times", 0x7855: "owner", 0x7875: "owner", 0x000A: "times"}
MOST_DIRECTORY_BYTES = 2**26

UNIX = 3
SEAL = b"sha256:"
SEAL_BYTES = len(SEAL) + 64
PIECE_BYTES = 2**20
LZMA_PREFIX = b"\x09\x04\x05\x00\x5d\x00\x00\x80\x00"
"""Before what LZMA packed, as zipfile writes it: a version, the size of what describes the filter, and that."""


@dataclass(frozen=True, slots=True)
class Packed:
    """One file of an archive. `attributes`: of Unix, 0 where the tool gave none."""

    name: str
    size: int
    attributes: int
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class _Header:
    """What the directory says of an entry."""

    raw_name: bytes
    made_by: int
    needed: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    packed: int
    size: int
    internal: int
    attributes: int
    place: int

    @property
    def name(self) -> str:
        return self.raw_name.decode("utf-8", "replace")

    @property
    def local(self) -> tuple[int, ...]:
        """What the header before the content repeats, but checksum and sizes."""
        return (self.needed, self.flags, self.method, self.time, self.date)


def write_archive(files: Mapping[str, bytes], to: Path) -> None:
    """The same bytes for the same files, and their seal."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_LZMA) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            entry.create_system = UNIX
            archive.writestr(entry, files[name], zipfile.ZIP_LZMA)
    content = to.read_bytes()
    before, end = content[: -END.size], END.unpack(content[-END.size :])
    to.write_bytes(before + END.pack(*end[:-1], SEAL_BYTES) + SEAL + sha256(before).hexdigest().encode())


def packed_in(file: BinaryIO) -> list[Packed]:
    """The files of an archive, folders left out.  Raises EvidenceError where a byte has no place in it."""
    headers, directory = _directory(file)
    in_order = sorted(headers, key=lambda header: header.place)
    starts = {header.place: _start(file, header) for header in in_order}
    ends = [0, *(_end(file, header, starts[header.place]) for header in in_order)]
    for end, place in zip(ends, [*(header.place for header in in_order), directory], strict=True):
        if end != place:
            raise EvidenceError(f"bytes {min(end, place)} to {max(end, place)} are no file's, or those of two")
    for header in headers:
        _require_plain(header)
    return [
        Packed(h.name, h.size, h.attributes >> 16, partial(_content, file, h, starts[h.place]))
        for h in headers
        if not h.name.endswith("/")
    ]


def _directory(file: BinaryIO) -> tuple[list[_Header], int]:
    """What the directory at the end says of each entry, and where it begins."""
    place_of_end, comment = _end_of_directory(file)
    file.seek(place_of_end)
    signature, disk, first_disk, here, count, size, place, sealed = END.unpack(file.read(END.size))
    if signature != b"PK\5\6" or sealed != comment:
        raise EvidenceError("an archive ends with its directory, and something else is there")
    if disk or first_disk or here != count or place + size != place_of_end or size > MOST_DIRECTORY_BYTES:
        raise EvidenceError("its directory is not where it says, or too large: hand the bundle over as a folder")
    file.seek(place)
    headers = list(_headers(file.read(size)))
    if len(headers) != count:
        raise EvidenceError(f"its directory lists {len(headers)} entries and says {count}")
    return headers, place


def _end_of_directory(file: BinaryIO) -> tuple[int, int]:
    """Where the record begins that an archive ends with, and how many bytes of a seal follow it."""
    whole = file.seek(0, 2)
    file.seek(max(0, whole - SEAL_BYTES))
    last = file.read(SEAL_BYTES)
    comment = SEAL_BYTES if last.startswith(SEAL) else 0
    if whole < comment + END.size:
        raise EvidenceError("it is no archive")
    place = whole - comment - END.size
    if comment and last != SEAL + _digest_before(file, place):
        raise EvidenceError("it is not what its seal says")
    return place, comment


def _digest_before(file: BinaryIO, place: int) -> bytes:
    made, left = sha256(), place
    file.seek(0)
    while left:
        piece = file.read(min(left, PIECE_BYTES))
        made.update(piece)
        left -= len(piece)
    return made.hexdigest().encode()


def _headers(directory: bytes) -> Iterator[_Header]:
    place = 0
    while place < len(directory):
        if len(directory) - place < CENTRAL.size:
            raise EvidenceError("its directory is cut off")
        signature, *facts = CENTRAL.unpack_from(directory, place)
        made_by, needed, flags, method, time, date, crc, packed, size = facts[:9]
        name, extra, comment, disk, internal, attributes, at = facts[9:]
        begin = place + CENTRAL.size
        place = begin + name + extra
        if signature != b"PK\1\2" or place > len(directory) or disk or comment:
            raise EvidenceError("its directory has an entry that is none, or one with a comment")
        _require_known(directory[begin + name : place])
        raw = directory[begin : begin + name]
        yield _Header(raw, made_by, needed, flags, method, time, date, crc, packed, size, internal, attributes, at)


def _start(file: BinaryIO, header: _Header) -> int:
    """Where the content begins, behind a header that says what the directory says."""
    file.seek(header.place)
    fixed = file.read(LOCAL.size)
    if len(fixed) < LOCAL.size:
        raise EvidenceError(f"{header.name} is not there")
    signature, *facts = LOCAL.unpack(fixed)
    local, sizes, (name, extra) = tuple(facts[:5]), tuple(facts[5:8]), facts[8:]
    told = (header.crc, header.packed, header.size)
    # what is told behind the content need not be known before it
    agreed = all(f == t or (f == 0 and header.flags & DESCRIBED) for f, t in zip(sizes, told, strict=True))
    raw = file.read(name)
    if signature != b"PK\3\4" or local != header.local or not agreed or raw != header.raw_name:
        raise EvidenceError(f"{header.name} is one thing in the directory and another where it lies")
    _require_known(file.read(extra))
    return header.place + LOCAL.size + len(raw) + int(extra)


def _end(file: BinaryIO, header: _Header, start: int) -> int:
    """Where the content ends, and its sizes once more where they follow it."""
    end = start + header.packed
    if not header.flags & DESCRIBED:
        return end
    file.seek(end)
    found = file.read(4 + DESCRIPTOR.size)
    signed = found.startswith(b"PK\7\10")
    told = DESCRIPTOR.pack(header.crc, header.packed, header.size)
    if found.removeprefix(b"PK\7\10")[: DESCRIPTOR.size] != told:
        raise EvidenceError(f"{header.name} is followed by other sizes than the directory's")
    return end + (4 if signed else 0) + DESCRIPTOR.size


def _require_known(extra: bytes) -> None:
    """Nothing but times and owners, whole."""
    while extra:
        kind, size = struct.unpack_from("<2H", extra) if len(extra) >= 4 else (0, len(extra))
        if kind not in EXTRAS or len(extra) < 4 + size:
            raise EvidenceError(f"an entry carries more than a file (field {kind:#06x}): pack the bundle anew")
        extra = extra[4 + size :]


def _require_plain(header: _Header) -> None:
    known = header.method in (STORED, DEFLATED, LZMA) and header.flags & ~FLAGS == 0 and header.internal in (0, 1)
    if not known or header.packed > 2 * header.size + 2**10:
        raise EvidenceError(f"{header.name} is packed in a way that this one does not read")
    if header.name.endswith("/") and (header.size or header.packed or header.crc):
        raise EvidenceError(f"{header.name} is a folder and has content")


def _content(file: BinaryIO, header: _Header, start: int) -> bytes:
    """Unpacked, never to more than the directory says, and all that is packed there is this."""
    file.seek(start)
    packed = file.read(header.packed)
    try:
        content, whole = _unpacked(packed, header)
    except (zlib.error, lzma.LZMAError) as error:
        raise EvidenceError(f"{header.name} cannot be unpacked: {error}") from error
    if not whole or len(content) != header.size or zlib.crc32(content) != header.crc:
        raise EvidenceError(f"{header.name} is not what its checksum and sizes say")
    return content


def _unpacked(packed: bytes, header: _Header) -> tuple[bytes, bool]:
    """Content, and whether that is all there is."""
    if header.method == STORED:
        return packed, True
    if header.method == DEFLATED:
        inflating = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflating.decompress(packed, header.size + 1)
        return content, inflating.eof and not inflating.unused_data
    opening = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1}])
    content = opening.decompress(packed.removeprefix(LZMA_PREFIX), header.size + 1)
    return content, opening.eof and not opening.unused_data and packed.startswith(LZMA_PREFIX)
