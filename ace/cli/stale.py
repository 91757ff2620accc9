"""What has moved on since a bundle was measured. Nothing in the bundle is wrong for it; nobody knows whether it holds.

Asked by `ace-verify` once a bundle verifies. Only sources and dates are compared: which files of weights to open is not
for a stranger's bundle to say, and ACE hashes them before it measures anything.
"""

import time
from collections.abc import Iterable, Iterator

from ace.decide.dossier import DAY_S
from ace.domain.record import CellRecord
from ace.errors import PlanError
from ace.executors.loading import source_digest


def code_moved_on(records: Iterable[CellRecord]) -> Iterator[str]:
    """One line for each source that is not what it was: ACE, and the idea where it is installed here."""
    records = list(records)
    now = source_digest("ace")
    for was in sorted({record.code.package_digest for record in records} - {now}):
        yield f"measured by ACE with sources {was[:12]}; those installed here are {now[:12]}"
    ideas = {(record.plan.executor.target, record.code.executor_digest) for record in records if not record.imported}
    for target, was in sorted(ideas):
        here = _installed(target)
        if here is not None and here != was:
            yield f"measured with sources {was[:12]} of {target}; those installed here are {here[:12]}"


def too_old(expires_at: float, fresh_days: int, now_s: float) -> Iterator[str]:
    """A line when the first of the cells that a claim rests on is older than the policy calls fresh.

    `expires_at`: of the bundle's envelope, in seconds since 1970."""
    measured_at = expires_at - fresh_days * DAY_S
    if now_s > expires_at:
        day = time.strftime("%Y-%m-%d", time.gmtime(measured_at))
        age = (now_s - measured_at) / DAY_S
        yield f"rests on a cell last measured on {day}, {age:.0f} days ago; fresh is {fresh_days}"


def _installed(target: str) -> str | None:
    """Digest of the idea's sources on this path; None where it is not here, or part of ACE and compared already."""
    top = target.partition(".")[0]
    if top == "ace" or not top.isidentifier():
        return None
    try:
        return source_digest(target)
    except (PlanError, ImportError, ValueError, OSError):
        return None
