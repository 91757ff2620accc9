"""Every failure of the table gives what the table says, and no number where there is none."""

import re

import pytest

from tests.integration.telemetry.__main__ import PAGE, parts
from tests.integration.telemetry.failures import CASES, kit_in

WRITTEN = {
    row.split(" | ")[0].removeprefix("| "): row.split(" | ")[2].removesuffix(" |")
    for row in parts(PAGE.read_text(encoding="utf-8"))[1].splitlines()[2:]
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_the_table_says_is_what_happens(case, tmp_path):
    told = case.run(kit_in(tmp_path))
    assert case.named in told
    assert told == WRITTEN[case.name], "run `make telemetry` and look at what has changed"


def test_the_table_holds_every_case_once_and_no_other():
    assert list(WRITTEN) == [case.name for case in CASES]


def test_where_there_is_no_source_or_no_energy_a_reason_of_the_known_ones_is_named():
    from ace.telemetry import REASONS

    for name, told in WRITTEN.items():
        if "no number" in told or "no energy" in told:
            assert set(re.findall(r"`([^`]+)`", told)) & set(REASONS), name
