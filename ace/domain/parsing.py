"""JSON that nobody is trusted to have written: bounded in size and depth, and plain data whatever it says.

The first step of every reader of records, bundles, envelopes, ledgers and imported files. What the values mean, and
whether they are a record at all, is `ace.domain.serial`'s to say.
"""

import json
from typing import Any

from ace.errors import EvidenceError

MOST_BYTES = 64 * 1024 * 1024
"""Of one file. A record of 100 sessions is under 1 MB; anything near this is not ours and would only fill memory."""


def parse_json(content: bytes | str) -> Any:
    """The value in `content`.  Raises EvidenceError for what is too large, no Unicode, no JSON or nested too deeply."""
    if len(content) > MOST_BYTES:
        raise EvidenceError(f"{len(content)} bytes; more than {MOST_BYTES} are not read")
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
