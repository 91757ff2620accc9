"""The door of the statistics layer: what may be called a table of timings.

Everything that `ace.stats` judges passes through `read_pair`, once; behind it arrays are float64, two-dimensional,
finite and positive, so nothing later needs to look again.
"""

from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ace.errors import EvidenceError

FloatArray: TypeAlias = npt.NDArray[np.float64]

ORDERS = ("interleaved", "alternating", "blocked", "unknown")
SHAPE = "expected (sessions, timings) in seconds"


def read_pair(baseline: object, candidate: object) -> tuple[FloatArray, FloatArray]:
    """Natural logs of both arms, each (sessions, timings); EvidenceError names what cannot be judged."""
    arms = read_arm("baseline", baseline), read_arm("candidate", candidate)
    if arms[0].shape != arms[1].shape:
        (s, n), (s2, n2) = arms[0].shape, arms[1].shape
        raise EvidenceError(
            f"baseline has {s} sessions x {n} timings, candidate {s2} x {n2}; equal index means pair, "
            f"so both arms need the same sessions and timings{_first_unpaired(s, n, s2, n2)}"
        )
    return np.log(arms[0]), np.log(arms[1])


def _first_unpaired(s: int, n: int, s2: int, n2: int) -> str:
    session, timing = (min(s, s2), 0) if s != s2 else (0, min(n, n2))
    return f" (first without a partner: session {session}, timing {timing})"


def read_arm(arm: str, timings: object) -> FloatArray:
    """Seconds of one arm, (sessions, timings) float64, finite and above 0."""
    rows = timings if isinstance(timings, list | tuple) else ()
    if np.ma.is_masked(timings) or any(np.ma.is_masked(row) for row in rows):
        raise EvidenceError(f"{arm}: masked timings are missing timings; {SHAPE} without gaps")
    try:
        table = np.asarray(timings)
    except ValueError:  # NumPy's word for ragged
        table = np.empty(0, dtype=object)
        _name_ragged(arm, timings)
    if table.size == 0:
        return np.empty((len(table) if table.ndim == 2 else 0, 0))
    if table.ndim != 2:
        raise EvidenceError(f"{arm}: timings have {table.ndim} dimension(s); {SHAPE}")
    if table.dtype.kind not in "fiu":
        _require_numbers(arm, table)
    seconds = table.astype(np.float64)
    good = np.isfinite(seconds) & (seconds > 0)
    if not good.all():
        session, timing = np.argwhere(~good)[0]
        raise EvidenceError(
            f"{arm} session {session}, timing {timing} is {seconds[session, timing]}; "
            f"every timing must be a finite number of seconds above 0"
        )
    return seconds


def _name_ragged(arm: str, timings: object) -> None:
    sessions = list(cast("list[object]", timings))
    lengths = [len(cast("list[object]", s)) if hasattr(s, "__len__") else -1 for s in sessions]
    for session, length in enumerate(lengths):
        if length != lengths[0]:
            said = "is not a list of timings" if length < 0 else f"has {length} timings"
            raise EvidenceError(
                f"{arm} session {session} {said}, session 0 has {lengths[0]} "
                f"(first difference at timing {max(0, min(length, lengths[0]))}); {SHAPE}, all sessions equally long"
            )
    raise EvidenceError(f"{arm}: sessions are nested unevenly; {SHAPE}")


def _require_numbers(arm: str, table: npt.NDArray[np.generic]) -> None:
    for (session, timing), value in np.ndenumerate(table):
        real = isinstance(value, int | float | np.integer | np.floating)
        real = real and not isinstance(value, bool | np.timedelta64)
        if not real or value != value:
            raise EvidenceError(f"{arm} session {session}, timing {timing} is {value!r}; {SHAPE}")


def check_request(margin: float, confidence: float, order: str = "interleaved") -> None:
    """Refuse a question that has no answer."""
    for name, value in (("margin", margin), ("confidence", confidence)):
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise EvidenceError(f"{name}={value!r}; expected a number")
    if not 0 <= margin < np.inf:
        raise EvidenceError(f"margin={margin}; expected a relative gain of 0 or more, such as 0.01")
    if not 0 < confidence < 1:
        raise EvidenceError(f"confidence={confidence}; expected a number between 0 and 1, such as 0.95")
    if order not in ORDERS:
        raise EvidenceError(f"order={order!r}; expected one of {', '.join(ORDERS)}")
