"""How a misbehaving arm becomes a record: ArmError in the worker, Failure in the parent.

Stands between foreign code (an executor, its module) and the harness: everything that foreign code raises is caught
here and nowhere else.
"""

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


@contextmanager
def foreign_code(stage: str, arm: str) -> Iterator[None]:
    """Run code that is not ACE's: whatever it raises becomes an ArmError that names stage and arm."""
    try:
        yield
    except ArmError:
        raise
    except AceError as error:
        raise ArmError(stage, "refused", arm, str(error)) from error
    except Exception as error:  # foreign code may raise anything, and that is evidence, not our bug
        frames = "".join(traceback.format_exception(error)[-4:])
        raise ArmError(stage, "raised", arm, f"{type(error).__name__}: {error}\n{frames}"[:4000]) from error
