"""Writing where files cannot grow, as on a full disk. Run in a process of its own: the limit holds for all of it.

RLIMIT_FSIZE needs no rights and no file system of its own, and stops every file at so many bytes, root's too. Prints
what the refused step said; the test looks at what lies there afterwards.
"""

import resource
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

from ace.domain.registration import HoldoutLook
from ace.errors import StoreError
from ace.report.bundle import write_bundle
from ace.tracking.ledger import ledger_of
from ace.tracking.store import open_store
from ace.tracking.writer import Tracker
from tests import builders as b
from tests.schemas import judged_small


@contextmanager
def full(most_bytes: int):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def refused(step) -> None:
    try:
        step()
    except StoreError as error:
        print(" ".join(str(error).split()))
    else:
        print("NOT REFUSED")


def begin(tracker, made):
    return tracker.begin(
        made.plan, attempt=made.attempt, sweep=None, job=None, code=made.code, weights=made.weights, cell_key="key",
        started_at=made.started_at,
    )  # fmt: skip


def record(root: Path) -> None:
    """A record and a first start that are too large for the disk; then there is room, and a cell comes to its end."""
    tracker = Tracker(open_store(None, root), "token_pruning")
    made, later = b.record(), b.record(seed=1)
    run_id = begin(tracker, made)

    def finish():
        tracker.finish(run_id, made, summary={}, provenance={}, note="", status="FINISHED")

    with full(20_000):  # a record has 60 kB; the database is larger already, and the plan fits
        refused(finish)
        refused(lambda: open_store(None, root / "new"))
    tracker.abort(run_id, "FAILED", "StoreError: the disk was full")
    run_id = begin(tracker, later)
    tracker.finish(run_id, later, summary={}, provenance={}, note="", status="FINISHED")


def ledger(root: Path) -> None:
    found = ledger_of(root)

    def look(index, previous, _):
        return HoldoutLook(index, previous, "r" * 64, "e", "an idea", "target", 1.0)

    found.append(look)
    with full(found.path.stat().st_size + 40):
        refused(lambda: found.append(look))
    print(len(found.entries()))


def bundle(root: Path) -> None:
    decision, evidence = judged_small()
    write_bundle(decision, evidence, root / "bundle")
    with full(20_000):
        refused(lambda: write_bundle(decision, evidence, root / "bundle"))


if __name__ == "__main__":
    {"record": record, "ledger": ledger, "bundle": bundle}[sys.argv[1]](Path(sys.argv[2]))
