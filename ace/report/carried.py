"""The evidence within a bundle: `evidence.json`, which is all that judge was given but the records, and the records.

`packed` writes what `unpacked` reads. The fields of Evidence are not listed here: whatever it holds is carried.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ace.domain.canonical import canonical_json
from ace.domain.decode import decode
from ace.domain.parsing import MOST_BYTES, parse_json
from ace.domain.plausible import impossible
from ace.domain.record import SCHEMA_VERSION, CellRecord, record_text
from ace.domain.serial import canonical_text, encode, opened
from ace.domain.stored import Evidence, StoredCell
from ace.domain.swift import swift
from ace.errors import EvidenceError

EVIDENCE = "evidence.json"
RECORDS = "records/"
MOST_OF_ALL_BYTES = 2**28
"""Of a file that tells of all cells: 13 kB a cell in decision.json, so that none of a bundle's 2 GiB is refused for it.
"""
Problem = tuple[str, str]
"""A file of a bundle and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What a bundle brings to judgement."""

    claim: str
    evidence: Evidence
    problems: tuple[Problem, ...]


Stored = Callable[[StoredCell], bytes | None]
"""The bytes of an attempt's record as its store holds them, None where they are not at hand."""


def packed(claim: str, evidence: Evidence, stored: Stored = lambda _: None) -> Iterator[tuple[str, bytes]]:
    """Name and content: each record under its digest, then evidence.json, in which that digest stands for it.

    One after the other: the texts of all records together take more memory than the records.
    """
    digests: list[str | None] = []
    for cell in evidence.cells:
        if cell.record is None:
            digests.append(None)
            continue
        content = stored(cell) or b""
        digest = hashlib.sha256(content).hexdigest()
        if digest != cell.record_digest:  # to be written anew takes ten times as long
            content = record_text(cell.record).encode()
            digest = hashlib.sha256(content).hexdigest()
        digests.append(digest)
        yield _file(digest), content
    cells = [opened(cell) | {"record": left} for cell, left in zip(evidence.cells, digests, strict=True)]
    yield EVIDENCE, canonical_text({"claim": claim, "evidence": opened(evidence) | {"cells": cells}}).encode()


def unpacked(files: Mapping[str, bytes]) -> Carried:
    """The evidence of a bundle whose files are what SHA256SUMS says.

    Raises EvidenceError when they cannot be read, as those of another version.
    """
    made, problems = json_object(files, EVIDENCE)
    evidence, digests, odd = _without_records(made)
    problems += odd
    records: dict[str, CellRecord] = {}
    for name in sorted(name for name in files if name.startswith(RECORDS)):
        digest = name.removeprefix(RECORDS).removesuffix(".json")
        records[digest], found = _record(files, name)
        problems += found
        if digest not in digests:
            problems.append((name, f"no attempt in {EVIDENCE} has this record"))
    cells = []
    for cell, left in zip(evidence.cells, digests, strict=True):
        cells.append(cell if left is None else replace(cell, record=records.get(left)))
        problems += [(EVIDENCE, said) for said in _attached(cell, left, records)]
    return Carried(str(made.get("claim")), replace(evidence, cells=tuple(cells)), tuple(problems))


def most_bytes(name: str) -> int:
    """Of this file of a bundle; more are not read."""
    return MOST_BYTES if name.startswith(RECORDS) else MOST_OF_ALL_BYTES


class NoJson(EvidenceError):
    """A file that no version of ACE can have written. `file`: which."""

    def __init__(self, file: str, said: str) -> None:
        super().__init__(f"{file} is {said}")
        self.file, self.said = file, said


def json_object(files: Mapping[str, bytes], name: str) -> tuple[dict[str, Any], list[Problem]]:
    """The JSON object in a file, and that it is not in canonical form where it is not: one value has one digest.

    Raises NoJson when there is none.
    """
    try:
        value = parse_json(files[name], most_bytes(name))
        canonical = canonical_json(value).encode()
    except ValueError as error:
        raise NoJson(name, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise NoJson(name, "not a JSON object")
    return value, [] if canonical == files[name] else [(name, "not in canonical form; ACE did not write it")]


def _file(digest: str) -> str:
    return f"{RECORDS}{digest}.json"


def _without_records(made: Mapping[str, Any]) -> tuple[Evidence, list[str | None], list[Problem]]:
    """The evidence with no record in it, for each attempt the digest that stands in its place, and what was added to
    or left out of what ACE writes."""
    try:
        entries = [dict(entry) for entry in made["evidence"]["cells"]]
        digests = [entry["record"] for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"{EVIDENCE} lists no attempts: {error!r:.80}") from error
    bare = {**made["evidence"], "cells": [{**entry, "record": None} for entry in entries]}
    evidence = decode(Evidence, bare, EVIDENCE)
    whole = encode(evidence) == bare and made.keys() == {"claim", "evidence"}
    odd = [] if whole else [(EVIDENCE, "not every field that ACE writes, or more than those; ACE did not write it")]
    return evidence, list(decode(tuple[str | None, ...], digests, f"{EVIDENCE} record")), odd


def _record(files: Mapping[str, bytes], name: str) -> tuple[CellRecord, list[Problem]]:
    quick = swift(CellRecord, files[name], SCHEMA_VERSION)
    record, problems = _carefully(files, name) if quick is None else (quick, [])
    if problem := impossible(record):
        problems.append((name, f"cannot be believed: {problem}"))
    return record, problems


def _carefully(files: Mapping[str, bytes], name: str) -> tuple[CellRecord, list[Problem]]:
    """What is no record of this version in canonical form, and what is wrong with it."""
    made, problems = json_object(files, name)
    if made.get("schema_version") != SCHEMA_VERSION:
        raise EvidenceError(
            f"{name} was written by another version of ACE "
            f"(record schema {made.get('schema_version')!r:.20}; this one reads {SCHEMA_VERSION})"
        )
    return decode(CellRecord, made, name), problems


def _attached(cell: StoredCell, digest: str | None, records: Mapping[str, CellRecord]) -> Iterator[str]:
    """What is wrong between an attempt and the record that it is said to have left."""
    if digest is None:
        return
    if digest not in records:
        yield f"run {cell.run_id} left {_file(digest)}, which is not in the bundle"
    if cell.record_digest != digest:
        yield f"run {cell.run_id} left {_file(digest)}, but its record_digest is {cell.record_digest}"
