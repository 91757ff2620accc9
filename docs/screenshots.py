"""Takes the README's pictures: `python docs/screenshots.py [EXPERIMENT] [DECISION_FOLDER]`, after a sweep.

Starts the MLflow UI on ./mlruns, opens the compare page of the experiment's newest sweep and the report of its decision
in headless Chromium (Debian: apt-get install chromium), and writes PNG files to docs/pictures. Serves nobody else.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store

PICTURES = Path(__file__).resolve().parent / "pictures"
ROOT = Path("mlruns")
MOST_RUNS = 12
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars")  # fmt: skip


def main(experiment: str, decision: Path) -> None:
    """Both pictures."""
    PICTURES.mkdir(exist_ok=True)
    store = open_existing_store(None, ROOT)
    cells = [c for c in read_evidence(store, experiment).cells if c.record is not None and c.sweep is not None]
    newest = cells[-1].sweep
    runs = [c.run_id for c in cells if c.sweep == newest][:MOST_RUNS]
    experiment_id = store.experiment_id(experiment, create=False)
    with mlflow_ui() as address:
        query = urllib.parse.urlencode({"runs": json.dumps(runs), "experiments": json.dumps([experiment_id])})
        picture(f"{address}/#/compare-runs?{query}", PICTURES / "compare.png", (1500, 1250), 30_000)
    picture((decision / "report.html").resolve().as_uri(), PICTURES / "report.png", (1200, 1400), 3_000)


def picture(url: str, file: Path, size: tuple[int, int], wait_ms: int) -> None:
    """One screenshot, taken after `wait_ms` of the page's own time."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [chromium(), *QUIET, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}",
             f"--virtual-time-budget={wait_ms}", f"--screenshot={file}", url],
            check=True, capture_output=True, timeout=180,
        )  # fmt: skip
    print(file)


def chromium() -> str:
    """The browser's path."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        sys.exit("no Chromium on the path; on Debian: apt-get install chromium")
    return found


@contextmanager
def mlflow_ui() -> Iterator[str]:
    """The UI on a free port, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", f"sqlite:///{ROOT}/mlflow.db", "--port",
         str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(1)
        yield address
    finally:
        subprocess.run(["pkill", "-KILL", "-s", str(server.pid)], check=False)
        server.wait(30)


if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else "token_pruning"
    main(name, Path(sys.argv[2]) if len(sys.argv) > 2 else Path("decisions") / name)
