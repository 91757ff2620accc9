"""Frozen nouns to JSON values and back, strictly.

`encode` turns a domain dataclass into what `canonical_json` accepts; `decode` rebuilds it from untrusted JSON, so an
unknown field, a missing field or a wrong type is an EvidenceError that names the place. Used by tracking (records),
measure (what parent and worker tell each other) and the decision bundle.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

from ace.errors import EvidenceError, PlanError

T = TypeVar("T")
_SCALARS = frozenset((type(None), str, bool, int, float))


def encode(value: Any) -> Any:
    """A domain value as dicts, lists and scalars.  Raises TypeError for anything that is not a domain value."""
    kind = type(value)
    if kind in _SCALARS:  # by far the most of a record: raw timings
        return value
    if kind is tuple:
        return [item if type(item) in _SCALARS else encode(item) for item in value]
    if dataclasses.is_dataclass(kind):
        return {name: encode(getattr(value, name)) for name in _names(kind)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} is not a domain value")


def decode(kind: type[T], data: Any, place: str = "$") -> T:
    """Rebuild a `kind` from JSON `data`.  Raises EvidenceError naming the first place that does not fit."""
    try:
        return cast(T, _decode(kind, data, place))
    except RecursionError as error:
        raise EvidenceError(f"{place}: nested too deeply to be a {kind.__name__}") from error


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode(kind: Any, data: Any, place: str) -> Any:
    if kind is Any:
        return freeze(data)
    origin = typing.get_origin(kind)
    if origin is tuple:
        return _decode_tuple(typing.get_args(kind), data, place)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(typing.get_args(kind), data, place)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, place)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError as error:
            raise EvidenceError(f"{place}: {error}") from error
    return _decode_scalar(kind, data, place)


def _decode_scalar(kind: Any, data: Any, place: str) -> Any:
    if kind is float and type(data) is int and abs(data) <= 2**53:  # beyond, a float is another number
        return float(data)
    # bool is an int to Python and never one in a record
    if type(data) is not kind or (kind is float and not math.isfinite(data)):
        raise EvidenceError(f"{place}: expected {getattr(kind, '__name__', kind)}, got {data!r:.60}")
    return data


def _decode_tuple(args: tuple[Any, ...], data: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise EvidenceError(f"{place}: expected a list, got {data!r:.60}")
    if len(args) == 2 and args[1] is Ellipsis:
        if args[0] is float and all(type(item) is float and math.isfinite(item) for item in data):
            return tuple(data)  # the raw timings: by far the most of a record
        return tuple(_decode(args[0], item, f"{place}[{i}]") for i, item in enumerate(data))
    if len(args) != len(data):
        raise EvidenceError(f"{place}: expected {len(args)} items, got {len(data)}")
    return tuple(_decode(kind, item, f"{place}[{i}]") for i, (kind, item) in enumerate(zip(args, data, strict=True)))


def _decode_union(args: tuple[Any, ...], data: Any, place: str) -> Any:
    if data is None and type(None) in args:
        return None
    kinds = [kind for kind in args if kind is not type(None)]
    for kind in kinds[:-1]:
        try:
            return _decode(kind, data, place)
        except EvidenceError:
            continue
    return _decode(kinds[-1], data, place)


def _decode_dataclass(kind: type, data: Any, place: str) -> Any:
    if not isinstance(data, Mapping):
        raise EvidenceError(f"{place}: expected an object for {kind.__name__}, got {data!r:.60}")
    hints = _hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise EvidenceError(f"{place}: unknown field {unknown[0]!r} in {kind.__name__}; written by another version?")
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _decode(hints[name], data[name], f"{place}.{name}")
        elif field.default is dataclasses.MISSING:
            raise EvidenceError(f"{place}: {kind.__name__} lacks the field {name!r}")
    try:
        return kind(**values)
    except (ValueError, TypeError, PlanError) as error:
        raise EvidenceError(f"{place}: not a valid {kind.__name__}: {error}") from error


def freeze(value: Any) -> Any:
    """A JSON value with its lists as tuples and its objects as sorted tuples of pairs, so that it can be hashed."""
    if isinstance(value, Mapping):
        return tuple((str(key), freeze(value[key])) for key in sorted(value))
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise EvidenceError(f"{type(value).__name__} {value!r:.60} cannot stand in a plan; allowed: text, numbers, lists")
