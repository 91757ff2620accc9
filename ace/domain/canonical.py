"""One byte sequence for one value: canonical JSON and its digest.

Every digest in ACE (records, plans, claims, cell keys) is taken over this form, so that it can be recomputed anywhere.
The form is that of RFC 8785 in what matters here: sorted keys, no blanks, no NaN or infinity, UTF-8.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any


def canonical_json(value: Any, opened: Callable[[Any], Any] | None = None) -> str:
    """`value` as canonical JSON text; `opened` gives the JSON value of what is none, as the encoder meets it.

    Raises ValueError for NaN and infinities (missing is None, never a number that JSON cannot hold) and for what is
    nested too deeply.
    """
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=opened
        )
    except RecursionError as error:
        raise ValueError("nested too deeply to be written") from error


def sha256_text(text: str) -> str:
    """Hex SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest(value: Any) -> str:
    """Hex SHA-256 of the canonical JSON of `value`."""
    return sha256_text(canonical_json(value))
