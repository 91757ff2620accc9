"""Results that depend on nothing but named inputs, kept by the digest of those inputs.

Used by `examination` for embeddings and scores. An entry carries its own digest; one that does not verify is made
again.
"""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ace.domain.canonical import canonical_json
from ace.measure.workshop import make_folder


def cached_array(folder: Path, key: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array under `key`, made and kept when it is not there or does not verify."""
    kept = _read(folder, key, "npy")
    if kept is not None:
        array: np.ndarray = np.load(io.BytesIO(kept), allow_pickle=False)
        return array
    array = make()
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    _write(folder, key, "npy", buffer.getvalue())
    return array


def cached_json(folder: Path, key: str, make: Callable[[], Any]) -> Any:
    """The JSON value under `key`, made and kept when it is not there or does not verify."""
    kept = _read(folder, key, "json")
    if kept is not None:
        return json.loads(kept)
    value = make()
    _write(folder, key, "json", canonical_json(value).encode())
    return value


def _read(folder: Path, key: str, kind: str) -> bytes | None:
    try:
        content = (folder / f"{key}.{kind}").read_bytes()
        tagged = (folder / f"{key}.{kind}.sha256").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
    return content if hashlib.sha256(content).hexdigest() == tagged else None


def _write(folder: Path, key: str, kind: str, content: bytes) -> None:
    make_folder(folder, "cache_dir")
    for name, data in (
        (f"{key}.{kind}", content),
        (f"{key}.{kind}.sha256", hashlib.sha256(content).hexdigest().encode("ascii")),
    ):
        temporary = folder / f"{name}.part"
        temporary.write_bytes(data)
        temporary.replace(folder / name)
