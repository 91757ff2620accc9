"""nvidia-smi as a probe of power: for machines where its command works and NVML cannot be loaded.

It may hang for ever with a sick driver, and a child of it may hold its output open. So it writes to a file, gets a
limit, is killed with its group, and is abandoned when even that does not end it.
"""

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ace.domain.energy import Grade, Scope
from ace.telemetry.aliasing import is_part_time
from ace.telemetry.devices import device_uuid
from ace.telemetry.meters import SENSOR, Bare, Description
from ace.telemetry.nvml import AVERAGING_S
from ace.telemetry.refusing import Refused

if TYPE_CHECKING:
    import subprocess

NAME = "nvidia_smi"
COMMAND = ("nvidia-smi",)
QUERY = "uuid,name,driver_version,mig.mode.current,power.limit,power.draw"
LIMIT_S = 1.5  # with killing it, less than the 2 s that a start may be delayed
GRACE_S = 0.2
READ_EVERY_S = 0.25  # each reading is a process that takes a tenth of a second
MISSING = ("n/a", "not supported", "unknown error", "insufficient permissions", "gpu requires reset")


class SmiMeter(Bare):
    """The power.draw of one board, a process a reading."""

    def __init__(self, command: Sequence[str], description: Description) -> None:
        self.description = description
        self._command = command

    def read(self, now_s: float) -> float:  # noqa: ARG002 - the command reads without a clock of ours
        """Watts.  Raises Refused when the board is gone, or the command hangs or says something else."""
        rows = _rows(self._command)
        uuid = self.description.device_uuid
        if uuid not in rows:
            raise Refused("source vanished", f"nvidia-smi no longer lists {uuid}")
        return watts(rows[uuid][5])


def open_smi(command: Sequence[str], wanted: str | None, environment: Mapping[str, str]) -> SmiMeter:
    """The probe of the board that the work uses.  Raises Refused."""
    rows = _rows(command)
    uuid = device_uuid(list(rows), wanted, environment)
    _, name, driver, mig, limit, draw = rows[uuid]
    if mig.lower() == "enabled":
        raise Refused("MIG slice", f"{uuid} is in MIG mode: the power of the board is not that of a slice")
    watts(draw)
    try:
        limit_w: float | None = watts(limit)
    except Refused:
        limit_w = None
    return SmiMeter(
        command,
        Description(
            source=NAME,
            grade=Grade.DEVICE_PROBE,
            scope=Scope.DEVICE,
            kind=SENSOR,
            unit="W",
            # power.draw is a mean of 1 s on Ampere and later (nvidia-smi manual); on others that is the slower guess
            update_period_s=AVERAGING_S,
            read_every_s=READ_EVERY_S,
            averaging_s=AVERAGING_S,
            device_uuid=uuid,
            device_name=name,
            driver=driver,
            power_limit_w=limit_w,
            part_time=is_part_time(name),
        ),
    )


def watts(text: str) -> float:
    """Watts from what nvidia-smi prints, in any locale.  Raises Refused: not supported, garbage."""
    bare = text.strip().strip("[]").strip()
    if bare.lower() in MISSING:
        raise Refused("not supported", f"nvidia-smi gives no power: {text.strip()}")
    try:
        value = float(bare.removesuffix("W").strip().replace(",", "."))
    except ValueError as error:
        raise Refused("garbage", f"nvidia-smi gives power as {text.strip()!r}") from error
    if not 0 < value < float("inf"):
        raise Refused("garbage", f"nvidia-smi gives power as {text.strip()!r}")
    return value


def _rows(command: Sequence[str]) -> dict[str, list[str]]:
    """Answers by UUID, one line a board; fields are parted by comma and blank, a decimal comma has no blank."""
    text = run_limited([*command, f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"], LIMIT_S)
    rows = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        fields = [field.strip() for field in line.split(", ")]
        if len(fields) != len(QUERY.split(",")) or not fields[0].startswith("GPU-"):
            raise Refused("garbage", f"nvidia-smi answers {line[:120]!r}")
        rows[fields[0]] = fields
    return rows


def run_limited(command: Sequence[str], limit_s: float) -> str:
    """Standard output of a command.  Raises Refused: no library (not installed), no permission, timed out, failed."""
    import subprocess  # 10 ms that only those pay who ask this source
    import tempfile

    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        except FileNotFoundError as error:
            raise Refused("no library", f"{command[0]} is not installed") from error
        except OSError as error:
            raise Refused("no permission", f"{command[0]} cannot be run: {error}") from error
        try:
            code: int | None = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if code is None:
        raise Refused("timed out", f"{command[0]} gave no answer within {limit_s:g} s and was abandoned")
    if code != 0:
        raise Refused("failed", f"{command[0]} ended with {code}: {text.strip()[:200]}")
    return text


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill whatever is left of the group; what cannot be killed (a driver call) is left to the kernel."""
    import subprocess

    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
