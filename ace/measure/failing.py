"""How a misbehaving arm becomes a record: ArmError in the worker, Failure in the parent.

Stands between foreign code (an executor, its module) and the harness: everything that foreign code raises is caught
here and nowhere else. Nor does a forked copy of the worker get past it: two would measure, and both would answer.
"""

import mmap
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from ace.domain.record import Failure
from ace.errors import AceError, MeasurementError


class ArmError(MeasurementError):
    """An arm did what a session cannot be built on. `kind` and `stage` are those of Failure."""

    def __init__(self, stage: str, kind: str, arm: str | None, detail: str) -> None:
        super().__init__(detail)
        self.stage, self.kind, self.arm, self.detail = stage, kind, arm, detail

    def failure(self, session: int | None) -> Failure:
        """The record of it."""
        return Failure(session, self.stage, self.kind, self.arm, self.detail)


_COPIED = mmap.mmap(-1, 64)
"""Shared with forked copies of this process: the arm that one came back from."""


@contextmanager
def foreign_code(stage: str, arm: str) -> Iterator[None]:
    """Run code that is not ACE's: whatever it raises becomes an ArmError that names stage and arm."""
    process = os.getpid()
    try:
        yield
    except ArmError:
        raise
    except AceError as error:
        raise ArmError(stage, "refused", arm, str(error)) from error
    except (Exception, SystemExit) as error:  # foreign code may raise anything, and that is evidence, not our bug
        frames = "".join(traceback.format_exception(error)[-4:])
        raise ArmError(stage, "raised", arm, f"{type(error).__name__}: {error}\n{frames}"[:4000]) from error
    finally:
        if os.getpid() != process:
            name = arm.encode()[: len(_COPIED)]
            _COPIED[: len(name)] = name
            os._exit(1)
    if copied := bytes(_COPIED).rstrip(b"\0").decode():  # perhaps later than the call that forked: copies take time
        raise ArmError(
            stage,
            "forked",
            copied,
            f"the {copied} arm forked the process that measures, and the copy ran on as if it were the first; "
            "start helpers with subprocess and end them",
        )
