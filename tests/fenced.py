"""The fenced blocks of the pages: what the tests run, or hold against the commands' own parsers."""

import re
import shlex
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of one language, "" for those of none, in their order and without their indent."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    fenced = re.findall(r"^ *```([a-z]*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [dedented(block) for named, block in fenced if named == language]


def dedented(block: str) -> str:
    lines = block.splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[margin:] for line in lines) + "\n"


def commands(document: str) -> list[list[str]]:
    """The commands of a page: blocks without a language hold one a line."""
    lines = [line for block in blocks(document, "") for line in block.splitlines()]
    found = [shlex.split(line, comments=True) for line in lines]
    return [command for command in found if command]
