"""Words that somebody else may have chosen, such as an experiment's name or what a store says: shown, and kept, safely.

Used by the commands that read a store, a bundle or a file of somebody else's.
"""

import json
import re
import sys
from pathlib import Path

from ace.errors import PlanError
from ace.report.wording import plain

UNUSUAL = re.compile(r"[^ -~\n]")
"""What is looked at one by one: a decision of 10 000 cells has a hundred million other characters."""


def one_line(text: object) -> str:
    """One line that any terminal shows and none obeys."""
    encoding = sys.stdout.encoding or "utf-8"
    # each blank is met once: a stranger's name may be a million of them
    joined = re.sub(r"\s+", lambda blanks: " " if "\n" in blanks[0] else blanks[0], str(text))
    return plain(joined).encode(encoding, "backslashreplace").decode(encoding)


def safe_json(text: str) -> str:
    """The same JSON value in characters that no terminal obeys: the others stand within its strings alone, where an
    escape says the same."""
    return UNUSUAL.sub(lambda char: char[0] if char[0].isprintable() else json.dumps(char[0])[1:-1], text)


def below(folder: Path, name: str) -> Path:
    """The file or folder called `name` within `folder`.  Raises PlanError for a name that leads out of it."""
    place = folder / name
    if not name or Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name or place == folder:
        raise PlanError(
            f"the experiment's name {name!r} leads out of {folder}/; give the place by itself with --output FOLDER."
        )
    return place
