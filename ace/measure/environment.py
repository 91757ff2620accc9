"""Where a session runs: the fingerprint that parity compares and a reader needs.

Read once a session, before anything is timed. What cannot be seen (clock frequency in a virtual machine) is not
guessed.
"""

import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

from ace.domain.session import Environment, settings_in
from ace.measure.device import DEVICE
from ace.models.surroundings import cpu_model

# Settings that change what the same code costs; everything else in the environment is nobody's business.
PREFIXES = ("OMP_", "MKL_", "KMP_", "OPENBLAS_", "TORCH", "ATEN_", "MALLOC_", "GOMP_", "CUDA_", "PYTORCH_", "DNNL_")
NAMES = ("LD_PRELOAD", "PYTHONHASHSEED", "PYTHONOPTIMIZE")
PLACES = ("TORCHINDUCTOR_CACHE_DIR",)  # where compiled code lies says nothing about what it costs
LIBRARIES = ("torch", "numpy", "safetensors")


def library_versions() -> tuple[tuple[str, str], ...]:
    """Python and what does the arithmetic."""
    return (("python", sys.version.split()[0]), *((name, metadata.version(name)) for name in LIBRARIES))


def _cuda_version() -> tuple[tuple[str, str], ...]:
    """What torch was built for, where that is CUDA: its own version need not say it. Every session has loaded torch;
    whoever has not is spared it."""
    torch = sys.modules.get("torch")
    return (("cuda", torch.version.cuda),) if torch is not None and torch.version.cuda else ()


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fingerprint(threads: int, interop_threads: int) -> Environment:
    """This process's surroundings; `threads` as torch reports them."""
    return Environment(
        host=platform.node(),
        boot_id=_first_line(Path("/proc/sys/kernel/random/boot_id")) or "unknown",
        cpu_model=cpu_model(),
        cores=cores(),
        kernel=platform.release(),
        device=DEVICE,
        threads=threads,
        interop_threads=interop_threads,
        clock_resolution_s=time.get_clock_info("perf_counter").resolution,
        load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        versions=(*library_versions(), *_cuda_version()),
        variables=variables(),
    )


def variables() -> tuple[tuple[str, str], ...]:
    """Of this process, those that change what the same code costs."""
    chosen = ((key, value) for key, value in os.environ.items() if key.startswith(PREFIXES) or key in NAMES)
    return tuple(sorted((key, value) for key, value in chosen if key not in PLACES))


def settings_here() -> tuple[tuple[str, str], ...]:
    """Of this process, those by which its sessions would not be like others."""
    return settings_in(variables())


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        return None
