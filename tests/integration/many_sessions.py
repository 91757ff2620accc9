"""Several sessions of one order in one process of their own: `python -m tests.integration.many_sessions FOLDER`.

For tests of what sessions see beside their timed rounds: starting a process for each would take ten times as long. The
parent's clock is not read here.
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from ace.domain.probes import Clock
from ace.domain.session import Session
from ace.executors.loading import load_executor
from ace.measure.company import look_around
from ace.measure.dependencies import imported_names
from ace.measure.messages import read_order, write_json
from ace.measure.seal import seal
from ace.measure.session import Beforehand, run_session


def main(folder: Path) -> None:
    order = read_order(folder)
    torch.set_num_threads(order.threads_here)
    sessions: list[Session] = []
    for index in range(order.plan.protocol.sessions):
        beforehand = Beforehand(imported_names(), seal(), look_around())
        executor = load_executor(order.plan.executor)
        again = replace(order, session=index, spawned_at=time.time())
        session, _, _ = run_session(again, executor, beforehand, lambda: None)
        clock = Clock(session.measuring_s, None, session.probes.clock.replaced)
        sessions.append(replace(session, probes=replace(session.probes, clock=clock)))
    write_json(folder / "sessions.json", tuple(sessions))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    os._exit(0)  # a thread that a candidate left would abort the end of the interpreter
