"""docs/policies.md has every key of every policy with its value, and names checks that exist."""

import re
from dataclasses import fields

import yaml

from ace.domain.policy import Policy
from tests.fenced import REPOSITORY
from tests.unit.pages import written

PAGE = (REPOSITORY / "docs" / "policies.md").read_text(encoding="utf-8")
ROWS = {row[0].strip("` "): [cell.strip() for cell in row[1:]] for row in
        (line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `"))}  # fmt: skip
KEYS = [field.name for field in fields(Policy) if field.name != "name"]


def test_the_table_has_every_key_in_the_order_of_the_files() -> None:
    assert list(ROWS) == KEYS


def test_the_table_has_the_values_of_every_packaged_policy() -> None:
    named = re.findall(r"^\| key \| meaning \|(.*)\| used by \|$", PAGE, re.MULTILINE)[0].split("|")
    files = {path.stem: path for path in (REPOSITORY / "conf" / "policy").glob("*.yaml")}
    assert sorted(name.strip() for name in named) == sorted(files)
    for column, name in enumerate(named, start=1):
        declared = yaml.safe_load(files[name.strip()].read_text(encoding="utf-8"))
        assert {key: float(ROWS[key][column]) for key in KEYS} == {key: float(declared[key]) for key in KEYS}, name


def test_the_table_and_the_page_of_rules_say_the_same_of_who_uses_a_key() -> None:
    used = {key: set(re.findall(r"`([^`]+)`", readers)) - {"ace-verify"} for key, (*_, readers) in ROWS.items()}
    checks = {**written.GATES, **written.RULES}
    for key, names in used.items():
        assert names == {name for name in checks if key in written.keys_named(name)}, key


def test_every_key_says_where_its_number_comes_from() -> None:
    said = PAGE.split("## Where the numbers come from")[1]
    named = re.findall(r"`([\w*]+)`", " ".join(re.findall(r"^- ([^:]+):", said, re.MULTILINE)))
    assert [key for key in KEYS if not any(re.fullmatch(name.replace("*", r"\w+"), key) for name in named)] == []
