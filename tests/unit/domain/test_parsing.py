"""What is read as JSON is bounded in what it takes when it is read, not in its length alone."""

import pytest

from ace.domain import parsing, swift
from ace.domain.parsing import parse_json
from ace.domain.record import CellRecord, record_text
from ace.errors import EvidenceError
from tests import builders as b


@pytest.mark.parametrize("piece", ["[]", "0", '{"a":0}', '""'])
@pytest.mark.parametrize("kind", [str, str.encode])
def test_more_values_than_anything_of_ours_has_are_refused_before_they_are_made(piece, kind, monkeypatch):
    monkeypatch.setattr(parsing, "MOST_VALUES", 1000)
    assert len(parse_json(kind("[" + ",".join([piece] * 300) + "]"))) == 300
    with pytest.raises(EvidenceError, match="more than 1000 values"):
        parse_json(kind("[" + ",".join([piece] * 1001) + "]"))


def test_a_record_of_too_many_values_is_not_taken_apart_either(monkeypatch):
    text = record_text(b.record()).encode()
    assert swift.swift(CellRecord, text) is not None
    monkeypatch.setattr(parsing, "MOST_VALUES", 1000)
    assert swift.swift(CellRecord, text) is None
