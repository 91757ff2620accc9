"""JSON values to frozen nouns, strictly: the way back from `ace.domain.serial`.

`decode` rebuilds a noun from JSON that nobody is trusted to have written, so an unknown field, a missing field or a
wrong type is an EvidenceError that names the place. Used by tracking (records), measure (what parent and worker tell
each other) and the decision bundle.

What is decoded stays in memory by the thousand, and most of it says the same in every record (documents, arms, places).
So equal texts, and equal values without a number that could be a float, are one object.
"""

import dataclasses
import math
import sys
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache, lru_cache
from itertools import repeat
from typing import Any, TypeVar, cast

from ace.domain.serial import names_of
from ace.errors import EvidenceError, PlanError

T = TypeVar("T")
Reader = Callable[[Any], Any]
_UNCHANGED = (str, int, bool)  # what JSON gives for them is what they are
_LISTS = (list, tuple)
LONG = 100
"""Of so many numbers it pays to look whether they were there before."""
SHARED = 2**12
"""Values of which one object is kept for all that are equal, of each kind."""


def decode(kind: type[T], data: Any, place: str = "$") -> T:
    """Rebuild a `kind` from JSON `data`.  Raises EvidenceError naming the first place that does not fit."""
    try:
        return cast(T, _reader(cast(Any, kind))(data))
    except _Misfit as misfit:
        raise EvidenceError(f"{place}{''.join(reversed(misfit.way))}: {misfit}") from misfit
    except RecursionError as error:
        raise EvidenceError(f"{place}: nested too deeply to be a {kind.__name__}") from error


class _Misfit(Exception):
    """What does not fit. `way`: the steps to it, from the inside out, noted only once something is wrong: a record has
    a hundred thousand places, and naming each beforehand would take longer than reading it."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.way: list[str] = []


@cache
def _reader(kind: Any) -> Reader:
    """How to read a `kind`: found out once, not at every value."""
    if kind is Any:
        return _anything
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return _many(arguments[0]) if arguments[1:] == (Ellipsis,) else _each(arguments)
    if origin in (typing.Union, types.UnionType):
        return _either(arguments)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _whole(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(kind)
    return _real if kind is float else _scalar(kind)


def _anything(data: Any) -> Any:
    try:
        return freeze(data)
    except EvidenceError as error:
        raise _Misfit(str(error)) from error


def _real(data: Any) -> Any:
    if type(data) is int and abs(data) <= 2**53:  # beyond, a float is another number
        return float(data)
    if type(data) is not float or not math.isfinite(data):
        raise _Misfit(f"expected float, got {data!r:.60}")
    return data


def _scalar(kind: Any) -> Reader:
    def read(data: Any) -> Any:
        if type(data) is not kind:  # bool is an int to Python and never one in a record
            raise _Misfit(f"expected {getattr(kind, '__name__', kind)}, got {data!r:.60}")
        return sys.intern(data) if kind is str else data

    return read


def _member(kind: type[Enum]) -> Reader:
    def read(data: Any) -> Any:
        try:
            return kind(data)
        except ValueError as error:
            raise _Misfit(str(error)) from error

    return read


def _many(kind: Any) -> Reader:
    """Any number of one kind."""
    read_one = _reader(kind)
    first = _sharing() if kind in _UNCHANGED else None

    def read(data: Any) -> Any:
        if not isinstance(data, _LISTS):
            raise _Misfit(f"expected a list, got {data!r:.60}")
        if kind is float and set(map(type, data)) <= {float} and all(map(math.isfinite, data)):
            return long_numbers(tuple(data))  # raw timings: the most of a record
        if first is not None and set(map(type, data)) <= {kind}:
            return first(tuple(map(sys.intern, data) if kind is str else data))
        try:
            return tuple(map(read_one, data))
        except _Misfit:
            return _in_turn(data, (read_one,) * len(data))  # says at which place

    return read


def _sharing() -> Reader:
    """Of equal values the first; for one kind alone: (1,) and (True,) are equal and not the same."""

    @lru_cache(maxsize=SHARED)
    def first(value: Any) -> Any:
        return value

    return first


def long_numbers(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """The same numbers, and once where many come again: cells of one length score the same documents."""
    if len(numbers) < LONG:
        return numbers
    if -1.0 in map(math.copysign, repeat(1.0), numbers):  # 0.0 and -0.0 are equal, and are written differently
        return numbers
    return _few_numbers(numbers)


@lru_cache(maxsize=SHARED)
def _few_numbers(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """With equal ones as one object where they are mostly equal, as scores of 0 and 1 are."""
    if 2 * len(set(numbers)) > len(numbers):
        return numbers
    one = {number: number for number in numbers}
    return tuple(map(one.__getitem__, numbers))


def _each(kinds: tuple[Any, ...]) -> Reader:
    """So many values, each of its own kind."""
    readers = tuple(_reader(kind) for kind in kinds)

    def read(data: Any) -> Any:
        if not isinstance(data, _LISTS):
            raise _Misfit(f"expected a list, got {data!r:.60}")
        if len(data) != len(readers):
            raise _Misfit(f"expected {len(readers)} items, got {len(data)}")
        return _in_turn(data, readers)

    return read


def _in_turn(data: list[Any] | tuple[Any, ...], readers: tuple[Reader, ...]) -> tuple[Any, ...]:
    made: list[Any] = []
    try:
        for item, read in zip(data, readers, strict=True):
            made.append(read(item))
    except _Misfit as misfit:
        misfit.way.append(f"[{len(made)}]")
        raise
    return tuple(made)


def _either(kinds: tuple[Any, ...]) -> Reader:
    """The first kind that fits; what is wrong is said by the last."""
    nothing = type(None) in kinds
    *first, last = [_reader(kind) for kind in kinds if kind is not type(None)]

    def read(data: Any) -> Any:
        if data is None and nothing:
            return None
        for attempt in first:
            try:
                return attempt(data)
            except _Misfit:
                continue
        return last(data)

    return read


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, Reader, bool], ...]:
    """Name, type, reader and whether it must be there."""
    hints = typing.get_type_hints(kind)
    fields: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(kind)
    return tuple((f.name, hints[f.name], _reader(hints[f.name]), f.default is dataclasses.MISSING) for f in fields)


@cache
def _exact(kind: Any, within: frozenset[Any] = frozenset()) -> bool:
    """Whether equal values of a kind are written alike, whatever they hold: no float (0.0 equals -0.0), no Any.

    `within`: kinds that hold this one; what holds its own kind counts as not exact.
    """
    if dataclasses.is_dataclass(kind):
        own = within | {kind}
        return kind not in within and all(_exact(hint, own) for hint in typing.get_type_hints(kind).values())
    if typing.get_origin(kind) is tuple:
        return all(_exact(argument, within) for argument in typing.get_args(kind) if argument is not Ellipsis)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kinds = [argument for argument in typing.get_args(kind) if argument is not type(None)]
        return len(kinds) == 1 and _exact(kinds[0], within)  # 1 and True, of `int | bool`, are equal too
    return kind in _UNCHANGED


def _whole(kind: type) -> Reader:
    """A dataclass from an object with its fields. They are looked up when one is read: a kind may hold its own kind."""
    names, first = frozenset(names_of(kind)), _sharing()

    def read(data: Any) -> Any:
        if type(data) is not dict and not isinstance(data, Mapping):
            raise _Misfit(f"expected an object for {kind.__name__}, got {data!r:.60}")
        if not data.keys() <= names:
            unknown = min(data.keys() - names)
            raise _Misfit(f"unknown field {unknown!r} in {kind.__name__}; written by another version?")
        values = {}
        for name, hint, read_one, required in _fields(kind):
            if name in data:
                value = data[name]
                if type(value) is hint and hint in _UNCHANGED:  # spares a call for most of what is no timing
                    values[name] = sys.intern(value) if hint is str else value
                    continue
                try:
                    values[name] = read_one(value)
                except _Misfit as misfit:
                    misfit.way.append(f".{name}")
                    raise
            elif required:
                raise _Misfit(f"{kind.__name__} lacks the field {name!r}")
        try:
            made = kind(**values)
        except (ValueError, TypeError, PlanError) as error:
            raise _Misfit(f"not a valid {kind.__name__}: {error}") from error
        return first(made) if _exact(kind) else made

    return read


def freeze(value: Any) -> Any:
    """A JSON value with its lists as tuples and its objects as sorted tuples of pairs, so that it can be hashed."""
    if isinstance(value, Mapping):
        return tuple((str(key), freeze(value[key])) for key in sorted(value))
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise EvidenceError(f"{type(value).__name__} {value!r:.60} cannot stand in a plan; allowed: text, numbers, lists")
