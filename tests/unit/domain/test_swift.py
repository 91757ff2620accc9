"""The quick way into a record says what the careful way would say of the same bytes, or nothing."""

import json
import math
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ace.domain.decode import decode
from ace.domain.parsing import parse_json
from ace.domain.plan import CellPlan
from ace.domain.record import CellRecord, record_text
from ace.domain.serial import canonical_text
from ace.domain.session import Timings
from ace.domain.swift import swift
from ace.errors import AceError
from tests import builders as b
from tests.properties.test_foreign_properties import RECORD, strange

STUDIES = Path(__file__).resolve().parents[3] / "docs" / "studies"


def careful(kind, raw):
    """The value in `raw`, None where the bytes are not its one text."""
    try:
        made = decode(kind, parse_json(raw))
        return made if canonical_text(made).encode() == raw else None
    except (AceError, ValueError, OverflowError):
        return None


def test_a_record_is_read_swiftly_and_is_the_record():
    for made in (b.record(), b.record(loss=None), replace(b.record(), peak=None, memory=())):
        assert swift(CellRecord, record_text(made).encode()) == made


def test_records_that_were_measured_are_read_swiftly_and_as_the_careful_way_reads_them():
    archives = sorted(STUDIES.glob("*.zip"))
    for archive in archives:
        with zipfile.ZipFile(archive) as bundle:
            raw = bundle.read(next(name for name in bundle.namelist() if name.startswith("records/")))
        made = swift(CellRecord, raw)
        assert made is not None, archive.name
        assert canonical_text(made).encode() == raw
        assert made == careful(CellRecord, raw)
    assert len(archives) >= 4


@settings(max_examples=150, deadline=None)
@given(strange(RECORD))
def test_of_bytes_that_a_stranger_wrote_it_never_says_more_than_the_careful_way(raw):
    made = swift(CellRecord, raw)
    assert made is None or canonical_text(made).encode() == raw
    assert made == careful(CellRecord, raw)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('"wall_s":[1.5]', '"wall_s":[1.50]'),
        ('"wall_s":[1.5]', '"wall_s":[15e-1]'),
        ('"wall_s":[1.5]', '"wall_s": [1.5]'),
        ('"wall_s":[1.5]', '"wall_s":[1.5],"device_s":null'),
        ('"wall_s":[1.5]', '"wall_s":[1.5],"wall_s":[1.5]'),
        ('"wall_s":[1.5]', '"wall_s":[1.5],"zebra":1'),
        ('"wall_s":[1.5]', '"wall_s":[true]'),
        ('"wall_s":[1.5]', '"wall_s":[-1.5]'),
        ('"wall_s":[1.5]', '"wall_s":[1e999]'),
        ('"cpu_s":[2.0]', '"cpu_s":[2]'),
        ('"cpu_s":[2.0]', '"cpu_s":2.0'),
        ('"cpu_s":[2.0],', ""),
        ('"arm":"b"', '"arm":"\\u0062"'),
        ('"arm":"b"', '"arm":1'),
        ("{", "[{"),
        ("}", "}\n"),
    ],
)
def test_another_spelling_of_the_same_or_something_else_is_left_to_the_careful_way(written, instead):
    text = canonical_text(Timings("b", (1.5,), (2.0,)))
    assert swift(Timings, text.encode()) == Timings("b", (1.5,), (2.0,))
    assert text.count(written) == 1
    assert swift(Timings, text.replace(written, instead).encode()) is None


@given(st.integers(0, 2**64 - 1))
@example(4_435_738_675_368_018_841)
def test_every_number_is_read_in_pythons_spelling_and_in_no_other(bits):
    number = struct.unpack("d", struct.pack("Q", bits))[0]
    if not math.isfinite(number):
        return
    for value in (number, abs(number) % 1e-3, -0.0, round(number % 1.0, 6)):
        text = repr(value)
        assert repr(swift(float, text.encode())) == text
        assert repr(swift(tuple[float, ...], f"[{text},{text}]".encode())) == f"({text}, {text})"
        for other in (f"{value:.25e}", text.replace("e", "E"), text.replace("e-0", "e-"), text + "0"):
            # a 0 more after e-12 is the one spelling of another number
            assert (swift(float, other.encode()) is not None) == (repr(float(other)) == other)


@pytest.mark.parametrize("text", ["1e-7", "6.926691168808799e-7", "0.00001", "0.000052", "-0.00001", "1e16", "-2e300"])
def test_the_spelling_of_another_library_is_not_the_canonical_one(text):
    for raw in (text, f"[{text}]", f"[1.5,{text},2.5]"):
        kind = float if raw == text else tuple[float, ...]
        assert swift(kind, raw.encode()) is None
        assert careful(kind, raw.encode()) is None
    assert swift(float, repr(float(text)).encode()) == float(text)


def test_numbers_within_a_text_stay_as_they_are():
    for text in ("[1e-05,", ",1e-5]", "0.00001", "[0.00001]", 'x",1e-5,"y'):
        raw = json.dumps(text).encode()
        assert swift(str, raw) == text
        assert swift(tuple[str, ...], b"[" + raw + b"]") == (text,)


def test_zeros_of_both_signs_stay_apart_where_equal_pieces_are_one_object():
    plus, minus = swift(tuple[float, ...], b"[0.0]"), swift(tuple[float, ...], b"[-0.0]")
    assert (repr(plus), repr(minus)) == ("(0.0,)", "(-0.0,)")


def test_what_a_plan_holds_of_any_kind_is_read_as_the_careful_way_reads_it():
    raw = canonical_text(b.plan()).encode()
    assert swift(CellPlan, raw) == careful(CellPlan, raw) == b.plan()


def test_equal_pieces_are_one_object_however_many_records_say_them():
    made = b.record()
    first, second = (swift(CellRecord, record_text(replace(made, attempt=name)).encode()) for name in ("one", "two"))
    assert first.documents is second.documents
    assert first.sessions[0].environment is second.sessions[0].environment
