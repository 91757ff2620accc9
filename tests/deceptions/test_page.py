"""The committed page says what the suite says now."""

import pytest

from tests.deceptions.table import END_TO_END, PAGE, interval, page, summary


def test_the_committed_page_is_what_the_suite_says_now() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make deceptions` and commit docs/deceptions.md"


def test_readme_quotes_the_summary() -> None:
    readme = " ".join((PAGE.parents[1] / "README.md").read_text(encoding="utf-8").split())
    for line in summary():
        assert " ".join(line.split()) in readme


def test_rows_of_another_suite_are_kept_below_the_mark() -> None:
    assert page().count(END_TO_END) == 1


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"), [(0, 59, 0.0, 0.0606), (59, 59, 0.9394, 1.0), (5, 10, 0.1871, 0.8129)]
)
def test_intervals_of_rates_are_clopper_and_pearsons(hits: int, trials: int, low: float, high: float) -> None:
    assert interval(hits, trials) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
