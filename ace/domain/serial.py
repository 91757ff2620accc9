"""Frozen nouns to JSON values.

`encode` turns a domain dataclass into what `canonical_json` accepts, `canonical_text` into that text at once. Used by
tracking (records), measure (what parent and worker tell each other) and the decision bundle; the way back is
`ace.domain.decode`.
"""

import dataclasses
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any

from ace.domain.canonical import canonical_json

LATER: Mapping[str, Any] = {"later": True}
"""Metadata of a field that came after others were stored: it is not written while it is None, so that what was stored
before reads as it was, and keeps its digest."""
_SCALARS = frozenset((type(None), str, bool, int, float))


def encode(value: Any) -> Any:
    """A domain value as dicts, lists and scalars.  Raises TypeError for anything that is not a domain value."""
    kind = type(value)
    if kind in _SCALARS:  # by far the most of a record: raw timings
        return value
    if kind is tuple:
        return [item if type(item) in _SCALARS else encode(item) for item in value]
    if dataclasses.is_dataclass(kind):
        return {name: encode(item) for name, item in opened(value).items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} is not a domain value")


def canonical_text(value: Any) -> str:
    """Canonical JSON of `encode(value)`, which is never made: that of a large map takes more memory than the map."""
    return canonical_json(value, opened)


def opened(value: Any) -> Any:
    """One noun as an object whose values are as they were: the encoder opens them in their turn."""
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        later = later_of(kind)
        found = [(name, getattr(value, name)) for name in names_of(kind)]
        return {name: item for name, item in found if item is not None or name not in later}
    return encode(value)  # a mapping of another kind, or what it refuses


@cache
def names_of(kind: type) -> tuple[str, ...]:
    """The fields of a noun, in the order in which it lists them."""
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def later_of(kind: type) -> frozenset[str]:
    """The fields of a noun that are not written while they are None."""
    return frozenset(field.name for field in dataclasses.fields(kind) if field.metadata == LATER)
