"""Is what a bundle calls a picture one that ACE can have drawn?

For `ace-verify`. Pictures are not drawn again: other versions of matplotlib and its fonts give other pixels. So what a
picture shows is not verified, and `ace-verify` says so; the table beside it (regime.csv and its like) is held against
the decision. Here a file is held against its format (W3C, PNG, third edition): it is a picture and nothing but one.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

from ace.errors import EvidenceError
from ace.report.carried import Problem
from ace.report.telling import PICTURES

NOT_REDRAWN = "pictures are not drawn again: what one shows is in the .csv of its name, which the decision gives"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = struct.Struct(">IIBBBBB")
RGBA_8_BIT = (8, 6, 0, 0, 0)
MOST_PIXELS = 2**26
BEFORE_PIXELS = ([b"IHDR"], [b"IHDR", b"pHYs"])
PIECE_BYTES = 2**20


def no_pictures(files: Mapping[str, bytes]) -> Iterator[Problem]:
    """The pictures of a bundle that are none, each with the reason."""
    for name in PICTURES:
        try:
            if name in files:
                require_picture(files[name])
        except EvidenceError as error:
            yield name, f"not a picture as ACE draws one: {error}"


def require_picture(content: bytes) -> None:
    """Every byte has its place in one RGBA picture.  Raises EvidenceError where one has none."""
    if not content.startswith(SIGNATURE):
        raise EvidenceError("it is no PNG")
    chunks = list(_chunks(content))
    kinds = [kind for kind, _ in chunks]
    pixels = kinds.count(b"IDAT")
    if pixels == 0 or kinds not in [[*before, *[b"IDAT"] * pixels, b"IEND"] for before in BEFORE_PIXELS]:
        raise EvidenceError(f"chunks {b' '.join(dict.fromkeys(kinds)).decode('ascii', 'replace')!r:.60}")
    if len(chunks[0][1]) != HEADER.size or chunks[-1][1]:
        raise EvidenceError("its first or last chunk has another size")
    if kinds[1] == b"pHYs" and len(chunks[1][1]) != 9:
        raise EvidenceError("its resolution has another size")
    width, height, *drawn = HEADER.unpack(chunks[0][1])
    if tuple(drawn) != RGBA_8_BIT or not 0 < width * height <= MOST_PIXELS:
        raise EvidenceError(f"{width} x {height} pixels of kind {drawn}")
    _require_pixels([data for kind, data in chunks if kind == b"IDAT"], width, height)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk.  Raises EvidenceError where one is cut off or has another checksum."""
    place = len(SIGNATURE)
    while place < len(content):
        data = place + 8
        if data + 4 > len(content):
            raise EvidenceError("it is cut off")
        size, kind = struct.unpack_from(">I4s", content, place)
        end = data + size
        if end + 4 > len(content):
            raise EvidenceError("it is cut off")
        if zlib.crc32(content[place + 4 : end]) != int.from_bytes(content[end : end + 4]):
            raise EvidenceError(f"the checksum at byte {end} is another")
        yield kind, content[data:end]
        place = end + 4


def _require_pixels(parts: list[bytes], width: int, height: int) -> None:
    """The packed rows are as many as the header says.  Nothing is kept, however much it unpacks to."""
    expected, found = height * (1 + 4 * width), 0  # each row begins with the number of its filter
    opened, left = zlib.decompressobj(), b"".join(parts)
    try:
        while not opened.eof and found <= expected:
            piece = opened.decompress(left, PIECE_BYTES)
            left = opened.unconsumed_tail
            if not piece and not left and not opened.eof:
                break
            found += len(piece)
    except zlib.error as error:
        raise EvidenceError(f"its pixels cannot be unpacked: {error}") from error
    if not opened.eof or found != expected or opened.unused_data:
        raise EvidenceError("its pixels are more or fewer than its header says")
