"""The parent's half of the machine's peak: measured in a worker, remembered, and doubted when an arm was faster.

Called by `observe`; the worker's half is `peak`.
"""

import time
from collections.abc import Sequence
from statistics import median

from ace.domain.canonical import digest
from ace.domain.decode import decode
from ace.domain.plan import CellPlan
from ace.domain.record import CodeState, Peak
from ace.domain.roofline import highest, least
from ace.domain.serial import encode
from ace.domain.session import Session
from ace.errors import MeasurementError
from ace.measure.cache import cached_json
from ace.measure.environment import fingerprint
from ace.measure.messages import Task
from ace.measure.watching import Watcher
from ace.measure.workshop import Workshop


def machine_peak(plan: CellPlan, code: CodeState, shop: Workshop, watcher: Watcher) -> Peak:
    """What the machine can do with a session's threads: measured once per boot, libraries and code, then remembered."""
    here = fingerprint(plan.protocol.threads, 1)
    place = (here.host, here.boot_id, here.cpu_model, here.cores, here.threads, here.versions, here.variables)
    key = digest(encode((place, code.package_digest)))
    try:
        return decode(Peak, cached_json(shop.cache / "peak", key, lambda: encode(_measured(plan, shop, watcher))))
    except MeasurementError as error:  # not remembered: the next cell tries again
        return Peak(plan.protocol.threads, (), (), str(error))


def settled_peak(peak: Peak, sessions: Sequence[Session], plan: CellPlan, shop: Workshop, watcher: Watcher) -> Peak:
    """`peak`, or the higher of it and a second measurement where an arm was faster than it allows.

    Either the arm did not do its work or the machine was busy when the peak was measured, which would stay with every
    cell until the next boot. Measuring once more, right after sessions that were fast, tells the two apart.
    """
    if peak.reason is not None or not any(_faster(session, peak) for session in sessions):
        return peak
    try:
        return highest(peak, _measured(plan, shop, watcher))
    except MeasurementError:  # the first measurement stands
        return peak


def _faster(session: Session, peak: Peak) -> bool:
    """Whether the median call of any arm takes less than the least time for the work that was seen."""
    needed = [(seen.arm, least(seen, peak)) for seen in session.witness]
    return any(median(session.wall_s(arm)) < max(call.compute_s, call.cached_s) for arm, call in needed)


def _measured(plan: CellPlan, shop: Workshop, watcher: Watcher) -> Peak:
    watcher.stage("peak of this machine")
    answer = shop.run(Task.PEAK, plan, time.time())
    if answer.peak is None:
        failure = answer.failure
        raise MeasurementError(f"{failure.kind}: {failure.detail[:500]}" if failure else "an answer without a peak")
    return answer.peak
