import json
import time

import pytest

from ace.cli.foreign import below, one_line, safe_json
from ace.domain.canonical import canonical_json
from ace.errors import PlanError


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "..", "", ".", "a\0b"])
def test_a_name_that_leads_out_of_the_folder_is_refused_with_what_to_do(tmp_path, name):
    with pytest.raises(PlanError, match="--output FOLDER"):
        below(tmp_path, name)


@pytest.mark.parametrize("name", ["token_pruning", "team/pruning", "..x", "a b"])
def test_a_name_that_stays_inside_is_a_place(tmp_path, name):
    assert below(tmp_path, name) == tmp_path / name


def test_what_a_store_says_is_one_line_that_moves_no_cursor():
    assert one_line("no\x1b[2J\n  experiment\u202e\x9bx") == "no [2J experiment  x"


def test_blanks_around_a_new_line_are_one_and_others_stay():
    assert one_line("a  b \n\t\n c\n") == "a  b c "


@pytest.mark.parametrize("text", [" " * 1_000_000, " " * 500_000 + "\n" + "\t" * 500_000, "\n" * 1_000_000])
def test_a_million_blanks_are_one_line_at_once(text):
    begun_s = time.process_time()
    assert one_line(text).isprintable()
    assert time.process_time() - begun_s < 5


def test_json_is_shown_as_the_same_value_in_characters_that_move_no_cursor():
    value = {"a\x9b": "\x1b[2J\u202e\x7f\U000e0001\u2028", "b": "\u00b5 plain \U0001f600"}
    shown = safe_json(canonical_json(value) + "\n")
    assert json.loads(shown) == value
    assert shown.removesuffix("\n").isprintable()
    assert "\u00b5 plain \U0001f600" in shown
    assert "\\udb40\\udc01" in shown
