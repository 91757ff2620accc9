"""Bytes that ACE itself wrote to frozen nouns: what `decode` and the check of the canonical form give, sooner.

Between the files of a store or a bundle and that careful way. A text is taken apart piece by piece, each piece is read
as what its place calls for, and put together again it must be the text, byte for byte: what is not in the one canonical
form is not read here. `swift` then says None, and the careful way reads it or says what is wrong; it never says more
than the careful way would, which a test asks with texts that were tampered with.

Pieces with equal bytes are one object: most of a record (documents, arms, places) is said again in the next session and
in the next record, and need be neither read nor kept twice.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any, TypeVar, cast

import msgspec

from ace.domain.decode import SHARED, decode, long_numbers
from ace.domain.parsing import MOST_BYTES, holds_too_many, parse_json
from ace.domain.serial import canonical_text, later_of, names_of
from ace.errors import AceError

T = TypeVar("T")
Reader = Callable[[bytes], Any]
KEY_BYTES = 256
"""Of a longer piece the digest is what it is known by."""
_SCALARS = (str, int, float)
_ENCODE = msgspec.json.Encoder().encode
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_ODD = re.compile(rb"(?<![^\[,])-?(?:0\.0000\d+|\d[.\d]*e-?\d+)(?![^\],])")
"""Numbers that msgspec spells in another way than Python's repr, which is the canonical one."""


def swift(kind: type[T], raw: bytes, version: int | None = None) -> T | None:
    """The `kind` whose canonical text is `raw`; None where only the careful way can tell, as of another schema than
    `version` (None: it has none of its own)."""
    if len(raw) > MOST_BYTES or holds_too_many(raw):
        return None
    try:
        made: T = _reader(cast(Any, kind))(raw)
    except (_Doubt, msgspec.MsgspecError, ValueError, TypeError, RecursionError, AceError):
        return None
    return made if version is None or getattr(made, "schema_version", None) == version else None


class _Doubt(Exception):
    """The bytes are not what ACE would write."""


@cache
def _reader(kind: Any) -> Reader:
    """How to read the bytes of a `kind`, of which equal ones are read once."""
    return _sharing(_reader_of(kind)) if kind is not float else _reader_of(kind)


def _reader_of(kind: Any) -> Reader:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in _SCALARS:
        return _plain(kind)
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return _plain(kind) if arguments[0] in _SCALARS else _many(arguments[0])
    if origin is tuple:
        return _each(arguments)
    if origin in (typing.Union, types.UnionType) and len(arguments) == 2 and arguments[1] is type(None):
        return _perhaps(arguments[0])
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _whole(kind)
    return _carefully(kind)


def _sharing(read: Reader) -> Reader:
    kept: dict[bytes, Any] = {}

    def shared(raw: bytes) -> Any:
        key = raw if len(raw) <= KEY_BYTES else sha256(raw).digest()
        try:
            return kept[key]
        except KeyError:
            made = read(raw)
        if len(kept) >= SHARED:
            kept.clear()
        kept[key] = made
        return made

    return shared


def _plain(kind: Any) -> Reader:
    """A scalar, or any number of one kind of them."""
    decoder, many_numbers = msgspec.json.Decoder(kind), kind == tuple[float, ...]
    write = _written if many_numbers else _spelled if kind is float else _ENCODE

    def read(raw: bytes) -> Any:
        made = decoder.decode(raw)
        if write(made) != raw:
            raise _Doubt
        return long_numbers(made) if many_numbers else made

    return read


def _spelled(number: float) -> bytes:
    return repr(number).encode()


def _written(numbers: tuple[float, ...]) -> bytes:
    written = _ENCODE(numbers)
    if b"e" in written or b"0.0000" in written:  # few have one that is spelled otherwise, and to look for it is dear
        return _ODD.sub(_as_python_does, written)
    return written


def _as_python_does(number: re.Match[bytes]) -> bytes:
    return _spelled(float(number[0]))


def _many(kind: Any) -> Reader:
    read_one = _reader(kind)

    def read(raw: bytes) -> Any:
        return tuple(map(read_one, _items(raw)))

    return read


def _each(kinds: tuple[Any, ...]) -> Reader:
    readers = tuple(_reader(kind) for kind in kinds)

    def read(raw: bytes) -> Any:
        return tuple(read_one(item) for read_one, item in zip(readers, _items(raw), strict=True))

    return read


def _items(raw: bytes) -> list[bytes]:
    items = [bytes(item) for item in _RAWS.decode(raw)]
    if b"[" + b",".join(items) + b"]" != raw:
        raise _Doubt
    return items


def _perhaps(kind: Any) -> Reader:
    read_one = _reader(kind)

    def read(raw: bytes) -> Any:
        return None if raw == b"null" else read_one(raw)

    return read


def _carefully(kind: Any) -> Reader:
    """What has too few bytes, or too many meanings, to be worth another way."""

    def read(raw: bytes) -> Any:
        made = decode(kind, parse_json(raw))
        if canonical_text(made).encode() != raw:
            raise _Doubt
        return made

    return read


def _whole(kind: type) -> Reader:
    """A dataclass from an object with its fields in order, each of them there unless it came later."""
    names, hints = sorted(names_of(kind)), typing.get_type_hints(kind)
    later = later_of(kind)
    pieces: list[Any] = [
        (name, msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) if name in later else (name, msgspec.Raw)
        for name in names
    ]
    taken_apart = msgspec.json.Decoder(msgspec.defstruct(kind.__name__, pieces, kw_only=True)).decode
    each = msgspec.structs.astuple
    readers = [_reader(hints[name]) for name in names]

    def read(raw: bytes) -> Any:
        found = taken_apart(raw)
        if _ENCODE(found) != raw:
            raise _Doubt
        values = {}
        for name, read_one, piece in zip(names, readers, each(found), strict=True):
            if piece is not msgspec.UNSET:
                values[name] = read_one(bytes(piece))
        if any(values.get(name, "") is None for name in later):
            raise _Doubt  # it would not have been written
        return kind(**values)

    return read
