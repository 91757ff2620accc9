import pytest

from ace.cli.foreign import below, one_line
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
