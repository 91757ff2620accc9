"""What a decision says to people and tables: the files of a bundle that hold nothing of their own.

Written by `ace.report.bundle`, and written again by `ace-verify` to see that a bundle's memo says what its decision
says. Pictures are drawn elsewhere, so that who only compares loads no plotting library.
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from ace.domain.decision import Decision
from ace.domain.decode import decode
from ace.domain.envelope import envelope_text
from ace.domain.serial import canonical_text
from ace.report.memo import memo
from ace.report.page import page
from ace.report.raw import drift_csv, gain_csv, sessions_csv
from ace.report.tables import regime_csv

PICTURES = ("regime.png", "gain.png", "sessions.png", "drift.png")
SHOWN = 100
"""Characters of a line that differs."""


def told(decision: Decision, pictures: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Name and content, one after the other."""
    yield "memo.md", memo(decision).encode()
    yield "regime.csv", regime_csv(decision.cells).encode()
    yield "gain.csv", gain_csv(decision.cells).encode()
    yield "sessions.csv", sessions_csv(decision.cells).encode()
    yield "drift.csv", drift_csv(decision.cells).encode()
    yield "envelope.json", envelope_text(decision.envelope).encode()
    yield "transfer.json", canonical_text({"cells": decision.transfer}).encode()
    yield "report.html", page(decision, pictures).encode()


def misquoted(decision: Decision, files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """(file, where it departs from the decision), for every file there that does. The page names the digests
    of the pictures of the bundle itself."""
    for name, content in told(decision, {name: files[name] for name in PICTURES if name in files}):
        if name in files and files[name] != content:
            yield name, _first_difference(files[name], content)


def stated(document: Mapping[str, Any], like: Decision) -> Decision:
    """The decision that a `decision.json` states; pairs that it keeps as objects come in the order of `like`.

    Raises EvidenceError where it states none.
    """
    made = {**document, "versions": _pairs(document.get("versions"), like.versions)}
    environment = document.get("environment")
    if isinstance(environment, Mapping):
        known = like.environment
        ordered = {
            key: _pairs(environment.get(key), getattr(known, key, ()) if known else ())
            for key in ("versions", "variables")
        }
        made["environment"] = {**environment, **ordered}
    return decode(Decision, made)


def _pairs(value: Any, order: tuple[tuple[str, str], ...]) -> Any:
    if not isinstance(value, Mapping):
        return value  # decode says what is wrong with it
    names = dict.fromkeys([*(name for name, _ in order if name in value), *value])
    return [[name, value[name]] for name in names]


def _first_difference(found: bytes, expected: bytes) -> str:
    """`line 3 reads "...", decision.json says "..."`."""
    lines = zip_longest(_lines(found), _lines(expected))
    for number, (one, other) in enumerate(lines, start=1):
        if one != other:
            start = _common(one or "", other or "")
            return f"line {number} reads {_shown(one, start)}, decision.json says {_shown(other, start)}"
    return "not the bytes that decision.json gives"


def _lines(content: bytes) -> Iterator[str]:
    """One after the other: a file of a few hundred MB may be nothing but ends of lines."""
    start = 0
    while (end := content.find(b"\n", start)) >= 0:
        yield content[start:end].decode("utf-8", "replace")
        start = end + 1
    yield content[start:].decode("utf-8", "replace")


def _common(one: str, other: str) -> int:
    """How many characters two lines share at the beginning; a few of them are shown."""
    shared = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return max(0, shared - SHOWN // 4)


def _shown(line: str | None, start: int) -> str:
    if line is None:
        return "nothing"
    part = line[start : start + SHOWN]
    return f'"{"..." if start else ""}{part}{"..." if start + SHOWN < len(line) else ""}"'
