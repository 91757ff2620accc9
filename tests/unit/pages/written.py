"""docs/rules.md as it is written: a section a check, its bullets by their first word."""

import re

from tests.fenced import REPOSITORY

PAGE = (REPOSITORY / "docs" / "rules.md").read_text(encoding="utf-8")


def sections(title: str) -> dict[str, list[str]]:
    """The bullets of each section below a heading, with their lines joined."""
    (part,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    pieces = re.split(r"^### (.+)\n", part, flags=re.MULTILINE)[1:]
    return {name: bullets(text) for name, text in zip(pieces[::2], pieces[1::2], strict=True)}


def bullets(text: str) -> list[str]:
    return [" ".join(line.split()) for line in re.findall(r"^- (.*(?:\n  .*)*)", text, re.MULTILINE)]


def told(lines: list[str], key: str) -> list[str]:
    return [line.removeprefix(f"{key}: ") for line in lines if line.startswith(f"{key}: ")]


GATES, RULES = sections("Gates"), sections("The skeptic")


def keys_named(name: str) -> set[str]:
    """Keys of the policy that a section says its threshold comes from."""
    return set(re.findall(r"`policy\.(\w+)`", " ".join(told({**GATES, **RULES}[name], "from"))))
