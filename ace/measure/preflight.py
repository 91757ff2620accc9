"""Refuse what cannot be run before an attempt is recorded: the executor is constructed once, in a worker.

A worker and not this process, because an executor is foreign code and this process judges clocks and writes records.
"""

import time
from contextlib import suppress
from pathlib import Path

from ace.domain.canonical import digest
from ace.domain.plan import CellPlan, require
from ace.domain.record import CodeState
from ace.domain.serial import encode
from ace.errors import PlanError
from ace.measure.cache import cached_json
from ace.measure.environment import cores
from ace.measure.messages import Task
from ace.measure.processes import PROCESS
from ace.measure.workshop import Workshop


class _Unknown(Exception):
    """The check came to no end."""


def refuse_impossible(plan: CellPlan, code: CodeState, folder: Path, cache: Path) -> None:
    """Raise PlanError when the executor cannot be imported or refuses its parameters (remembered by content), or when
    more threads are asked for than there are processors: what would then be timed is how they wait for each other.

    Where the worker itself ended (out of memory, killed, hung) nothing was refused, and nothing is known: the attempt
    goes on, and if it ends in the same way that is a recorded failure.
    """
    most = cores()
    require(plan.protocol.threads <= most, "protocol.threads", plan.protocol.threads, f"at most {most}, this machine's")

    def check() -> bool:
        answer = Workshop(folder, cache, 1, "preflight").run(Task.CHECK, plan, time.time())
        if answer.refused is not None:
            raise PlanError(answer.refused)
        if answer.failure is not None and answer.failure.stage == PROCESS:
            raise _Unknown
        if answer.failure is not None:
            raise PlanError(f"executor {plan.executor.target} cannot be constructed: {answer.failure.detail}")
        return True

    key = digest((encode(plan.executor), code.executor_digest, code.package_digest))
    with suppress(_Unknown):
        cached_json(cache / "checked", key, check)
