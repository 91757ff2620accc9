from pathlib import Path

import pytest

from ace.domain.registration import HoldoutLook
from ace.errors import StoreError
from ace.tracking.ledger import Ledger


def look(index: int, previous: str, registration: str = "r") -> HoldoutLook:
    return HoldoutLook(index, previous, f"{registration}{index}", "e", "idea", "benchmark", 1000.0 + index)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger(tmp_path / "store" / "ledger.jsonl")
    for _ in range(3):
        made.append(lambda index, previous, _: look(index, previous))
    return made


def test_without_a_file_nobody_has_looked(tmp_path: Path):
    assert Ledger(tmp_path / "ledger.jsonl").looks() == ()


def test_looks_are_kept_in_their_order_and_chained(ledger: Ledger):
    looks = ledger.looks()
    assert [made.index for made in looks] == [0, 1, 2]
    assert looks[2].previous == looks[1].digest


def test_a_look_that_is_not_made_leaves_the_file_alone(ledger: Ledger):
    before = ledger.path.read_bytes()
    assert ledger.append(lambda *_: None) is None
    assert ledger.path.read_bytes() == before


@pytest.mark.parametrize("line", [0, 1])
def test_a_look_that_is_taken_out_or_changed_is_seen(ledger: Ledger, line: int):
    lines = ledger.path.read_text().splitlines(keepends=True)
    ledger.path.write_text("".join(lines[:line] + lines[line + 1 :]))
    with pytest.raises(StoreError, match="is broken"):
        ledger.looks()
    ledger.path.write_text("".join(lines[:line]) + lines[line].replace("r", "s") + "".join(lines[line + 1 :]))
    with pytest.raises(StoreError, match=r"line|broken"):
        ledger.looks()


@pytest.mark.parametrize("text", ["rubbish\n", "{}\n", "[1]\n", "\xff"])
def test_a_line_that_is_no_look_is_named_and_never_skipped(ledger: Ledger, text: str):
    with ledger.path.open("a", encoding="latin-1") as file:
        file.write(text)
    with pytest.raises(StoreError, match=r"line 4|cannot be read"):
        ledger.looks()
    with pytest.raises(StoreError):
        ledger.append(lambda index, previous, _: look(index, previous))


def test_a_look_in_another_form_of_the_same_json_was_not_written_by_ace(ledger: Ledger):
    ledger.path.write_text(ledger.path.read_text().replace(":", ": ", 1))
    with pytest.raises(StoreError, match="not in canonical form"):
        ledger.looks()
