"""Where a decision as a bundle states it and the one that follows from its evidence differ, place by place.

Used by `ace-verify`, on their JSON. Numbers that agree to nine digits are one number: logarithms and least squares come
out of processors and libraries with different last digits, and no verdict hangs on those.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

RELATIVE, ABSOLUTE = 1e-9, 1e-12
FIRST = ("verdict", "claims")
NOTHING = object()
"""Stands where one of the documents has no such place."""


@dataclass(frozen=True, slots=True)
class Place:
    """`rounding`: whether both are one number but for its last digits."""

    path: str
    bundle: Any
    replayed: Any
    rounding: bool

    def __str__(self) -> str:
        return f"{self.path}: bundle {_shown(self.bundle)}, replayed {_shown(self.replayed)}"


def differing(bundle: Any, replayed: Any, path: str = "") -> Iterator[Place]:
    """Every place that differs, the verdict first; of lists of unequal length the length, then what both have."""
    if isinstance(bundle, Mapping) and isinstance(replayed, Mapping):
        names = sorted({*bundle, *replayed}, key=lambda name: (*(name != first for first in FIRST), name))
        for name in names:
            inner = f"{path}.{name}" if path else name
            yield from differing(bundle.get(name, NOTHING), replayed.get(name, NOTHING), inner)
    elif isinstance(bundle, list) and isinstance(replayed, list):
        if len(bundle) != len(replayed):
            yield Place(f"{path}.length", len(bundle), len(replayed), False)
        for index, (one, other) in enumerate(zip(bundle, replayed, strict=False)):
            yield from differing(one, other, f"{path}[{index}]")
    elif _is_number(bundle) and _is_number(replayed):
        if bundle != replayed:
            yield Place(path, bundle, replayed, _alike(bundle, replayed))
    elif type(bundle) is not type(replayed) or bundle != replayed:
        yield Place(path, bundle, replayed, False)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _alike(one: Any, other: Any) -> bool:
    return float in (type(one), type(other)) and math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _shown(value: Any) -> str:
    if value is NOTHING:
        return "nothing"
    if isinstance(value, Mapping | list):
        return f"{'an object' if isinstance(value, Mapping) else 'a list'} of {len(value)}"
    text = "null" if value is None else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
