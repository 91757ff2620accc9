"""How close an arm comes to what the machine can do, over the sessions of a cell.

Used by the skeptic (too good), by the map and by the first word on a cell; `ace.domain.roofline` says how it is
reckoned for one call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from ace.domain.record import CellRecord
from ace.domain.roofline import Least, least


@dataclass(frozen=True, slots=True)
class Share:
    """The least time over the measured one, median over sessions: 1 is a call as fast as the machine can be.

    `roofline`: by the bandwidth of its own working set. `certain`: by the highest bandwidth of any, which no cache
    beats, and by the least work that any session saw: where work depends on the documents, those of the witness are not
    those that were timed. `missing`: what was not known in some session; the shares are then those of the rest.
    """

    roofline: float
    certain: float
    missing: tuple[str, ...]


def share(records: Sequence[CellRecord], arm: str, cut_rounds: int) -> Share | None:
    """Of `arm` over all sessions, each against the peak of its own record; None where no session timed it."""
    calls = list(_calls(records, arm, cut_rounds))
    if not calls:
        return None
    certain_s = [max(needed.compute_s, needed.cached_s) for needed, _ in calls]
    return Share(
        roofline=median(max(needed.compute_s, needed.memory_s) / seconds for needed, seconds in calls),
        certain=min(filter(None, certain_s), default=0.0) / median(seconds for _, seconds in calls),
        missing=tuple(dict.fromkeys(text for needed, _ in calls for text in needed.missing)),
    )


def achieved(records: Sequence[CellRecord], arm: str, cut_rounds: int) -> float | None:
    """The share of the roofline of `arm`, None where any part of it is not known."""
    return known(share(records, arm, cut_rounds))


def known(found: Share | None) -> float | None:
    """The share of the roofline, None where any part of it is not known."""
    return None if found is None or found.missing else found.roofline


def _calls(records: Sequence[CellRecord], arm: str, cut_rounds: int) -> Iterator[tuple[Least, float]]:
    """Least and median measured seconds per call, session by session, warm-up cut."""
    for record in records:
        for session in record.sessions:
            if any(timings.arm == arm for timings in session.timings):
                seen = session.seen(arm)
                kept = session.wall_s(arm)[min(cut_rounds, len(session.order) - 1) :]
                yield least(seen, record.peak), median(kept)
