"""Headless Chromium by its command line: a page opened, printed and pictured, and what it asked for while it was open.

Used by `docs/screenshots.py` for the README's pictures, and by the test that opens a report as a reader does.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars",
)  # fmt: skip
MISSING = "no Chromium on the path; on Debian: apt-get install -y chromium"
LIMIT_S = 180.0
CONSOLE = re.compile(r"(?:INFO|WARNING|ERROR):CONSOLE[^\"]*\"(.*)\", source")


@dataclass(frozen=True, slots=True)
class Opened:
    """`dom`: the page as it stands after its scripts. `console`: what it said there, errors of scripts among it.
    `hosts`: what was asked over the network, of the page and of the browser itself."""

    dom: str
    console: tuple[str, ...]
    hosts: frozenset[str]


def chromium() -> str:
    """The browser's path.  Raises FileNotFoundError saying how to install it."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise FileNotFoundError(MISSING)
    return found


def opened(url: str, wait_ms: int = 2000) -> Opened:
    """Open a page for `wait_ms` of its own time."""
    with _scratch() as scratch:
        log = scratch / "net.json"
        watching = ("--enable-logging=stderr", f"--log-net-log={log}", f"--virtual-time-budget={wait_ms}", "--dump-dom")
        done = _run(scratch, *watching, url)
        return Opened(done.stdout, tuple(CONSOLE.findall(done.stderr)), frozenset(_hosts(log)))


def printed(url: str, file: Path) -> None:
    """The page as PDF."""
    with _scratch() as scratch:
        _run(scratch, "--no-pdf-header-footer", f"--print-to-pdf={file}", url)


def picture(url: str, file: Path, size: tuple[int, int], wait_ms: int, dark: bool = False) -> None:
    """One screenshot, taken after `wait_ms` of the page's own time."""
    shown = (f"--window-size={size[0]},{size[1]}", f"--virtual-time-budget={wait_ms}", f"--screenshot={file}")
    with _scratch() as scratch:
        _run(scratch, *(("--force-dark-mode",) if dark else ()), *shown, url)


def _run(profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [chromium(), *QUIET, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace", timeout=LIMIT_S)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:  # the browser may still be writing to it
        yield Path(name)


def _hosts(log: Path) -> Iterator[str]:
    """Of every address in Chromium's log of its network that is not a file."""
    text = log.read_text(encoding="utf-8", errors="replace").rstrip()
    try:
        events = json.loads(text)["events"]
    except ValueError:  # ended before the list was closed
        events = json.loads(text.rstrip(",") + "]}")["events"]
    for event in events:
        parts = urlsplit(str(event.get("params", {}).get("url", "")))
        if parts.netloc:
            yield parts.netloc
