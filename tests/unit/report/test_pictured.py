"""Pictures are not drawn again: what is a picture is one to its last byte, and what is none is named."""

import hashlib
import struct
import zlib

import pytest

from ace.cli.verifying import verify
from ace.errors import EvidenceError
from ace.report import pictured
from ace.report.pictured import SIGNATURE, require_picture
from ace.report.telling import PICTURES
from tests.unit.report.bundles import vouched

HEADER = struct.pack(">IIBBBBB", 3, 2, 8, 6, 0, 0, 0)
ROWS = zlib.compress(bytes(2 * 13))


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(*middle: bytes, header: bytes = HEADER, rows: bytes = ROWS, last: bytes = b"") -> bytes:
    return SIGNATURE + chunk(b"IHDR", header) + b"".join(middle) + chunk(b"IDAT", rows) + chunk(b"IEND", last)


def forged(bundle, name, content):
    """Whoever forges a picture writes its digest again wherever it stands."""
    old, new = (hashlib.sha256(bytes_).hexdigest() for bytes_ in ((bundle / name).read_bytes(), content))
    (bundle / name).write_bytes(content)
    page = (bundle / "report.html").read_text()
    assert old in page
    (bundle / "report.html").write_text(page.replace(old, new))
    vouched(bundle)


@pytest.mark.parametrize("name", PICTURES)
def test_junk_in_place_of_a_picture_is_named_although_every_digest_was_written_again(bundle, name):
    forged(bundle, name, b"not even a picture")
    assert verify(bundle, None, 0.0).problems == ((name, "not a picture as ACE draws one: it is no PNG"),)


def test_words_behind_a_picture_are_named(bundle):
    forged(bundle, "gain.png", (bundle / "gain.png").read_bytes() + b"and more")
    [(name, said)] = verify(bundle, None, 0.0).problems
    assert (name, "cut off" in said) == ("gain.png", True)


def test_a_small_picture_is_one_in_one_part_or_in_two_and_every_changed_byte_is_noticed():
    require_picture(picture())
    require_picture(picture(chunk(b"pHYs", bytes(9)), chunk(b"IDAT", ROWS[:5]), rows=ROWS[5:]))
    whole = picture()
    for place in range(len(whole)):
        with pytest.raises(EvidenceError):
            require_picture(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no PNG"),
        (SIGNATURE, "chunks"),
        (picture()[:-1], "cut off"),
        (picture(chunk(b"tEXt", b"Comment\0ACCEPTED")), "chunks 'IHDR tEXt IDAT IEND'"),
        (picture() + chunk(b"IEND"), "chunks"),
        (picture(last=b"x"), "first or last chunk"),
        (picture(header=HEADER + b"x"), "first or last chunk"),
        (picture(chunk(b"pHYs", b"more than nine bytes")), "resolution"),
        (picture(header=struct.pack(">IIBBBBB", 3, 2, 8, 3, 0, 0, 0)), "of kind"),
        (picture(header=struct.pack(">IIBBBBB", 2**31, 2**31, 8, 6, 0, 0, 0)), "pixels of kind"),
        (picture(rows=b"junk"), "cannot be unpacked"),
        (picture(rows=zlib.compress(bytes(25))), "more or fewer"),
        (picture(rows=zlib.compress(bytes(2**24))), "more or fewer"),
        (picture(rows=ROWS[:-4]), "more or fewer"),
        (picture(rows=ROWS + b"and more"), "more or fewer"),
    ],
)
def test_what_is_more_or_less_than_one_picture_says_what_is_wrong(content, said):
    with pytest.raises(EvidenceError, match=said):
        require_picture(content)


def test_a_picture_that_unpacks_to_more_than_it_says_is_not_unpacked_to_its_end(monkeypatch):
    monkeypatch.setattr(pictured, "PIECE_BYTES", 16)
    require_picture(picture())
    with pytest.raises(EvidenceError, match="more or fewer"):
        require_picture(picture(rows=zlib.compress(bytes(2**20))))
