"""What is known of the processor that this process runs on.

Read by `ace.measure.environment` for the record of a session and by `ace.guard` where a claim is served, so that both
call it by one name.
"""

import platform
from pathlib import Path


def cpu_model() -> str:
    """The processor's name as the kernel gives it, else whatever Python knows of it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
