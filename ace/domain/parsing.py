"""JSON that nobody is trusted to have written: bounded in size and depth, and plain data whatever it says.

The first step of every reader of records, bundles, envelopes, ledgers and imported files. What the values mean, and
whether they are a record at all, is `ace.domain.serial`'s to say.
"""

import json
from typing import Any

from ace.errors import EvidenceError

MOST_BYTES = 64 * 1024 * 1024
"""Of one file. A record of 100 sessions is under 1 MB; anything near this is not ours and would only fill memory."""
MOST_VALUES = 2**23
"""Of one file: `[],[],[]` takes thirty times its length in memory, what ACE writes twice. A map of 10 000 cells has
five million values in all."""


def parse_json(content: bytes | str, most_bytes: int = MOST_BYTES) -> Any:
    """The value in `content`.  Raises EvidenceError for what is too large, no Unicode, no JSON or nested too deeply."""
    if len(content) > most_bytes:
        raise EvidenceError(f"{len(content)} bytes; more than {most_bytes} are not read")
    if holds_too_many(content):
        raise EvidenceError(f"more than {MOST_VALUES} values; no more are read")
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        value = json.loads(text)
        # half a character can be spelled in JSON, and could be stored and hashed nowhere
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except RecursionError as error:
        raise EvidenceError("nested too deeply to be read") from error
    except ValueError as error:  # an integer of thousands of digits too
        raise EvidenceError(str(error)) from error


def holds_too_many(content: bytes | str) -> bool:
    """Whether it is spelled like more values than are read. Every one but the first follows one of three characters;
    within a text they count too, and no text of ours has so many."""
    if len(content) <= MOST_VALUES:
        return False
    if isinstance(content, str):
        return sum(map(content.count, "[{,")) > MOST_VALUES
    return sum(map(content.count, (b"[", b"{", b","))) > MOST_VALUES
