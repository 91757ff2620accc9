"""Takes the README's pictures: `python -m docs.screenshots [EXPERIMENT] [BUNDLE] [--only report|compare]`.

The report of a decision bundle, and the compare page of the experiment's newest sweep in the MLflow UI on ./mlruns, in
headless Chromium (Debian: apt-get install chromium), as PNG files in docs/pictures. Serves nobody else.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from docs.chromium import picture

PICTURES = Path(__file__).resolve().parent / "pictures"
MOST_RUNS = 12


def main() -> None:
    """The pictures that are asked for."""
    asked = argparse.ArgumentParser(description="Take the README's pictures.")
    asked.add_argument("experiment", nargs="?", default="token_pruning")
    asked.add_argument("bundle", nargs="?", type=Path, help="a decision bundle (default: decisions/EXPERIMENT)")
    asked.add_argument("--root", type=Path, default=Path("mlruns"), help="the folder of the store")
    asked.add_argument("--only", choices=("report", "compare"))
    options = asked.parse_args()
    PICTURES.mkdir(exist_ok=True)
    if options.only != "compare":
        report(options.bundle or Path("decisions") / options.experiment)
    if options.only != "report":
        compare(options.experiment, options.root)


def report(bundle: Path) -> None:
    """The head of a bundle's report."""
    _taken((bundle / "report.html").resolve().as_uri(), PICTURES / "report.png", (1200, 1400), 3_000)


def compare(experiment: str, root: Path) -> None:
    """The cells of the newest sweep side by side."""
    store = open_existing_store(None, root)
    cells = [c for c in read_evidence(store, experiment).cells if c.record is not None and c.sweep is not None]
    if not cells:
        sys.exit(f"experiment {experiment} holds no sweep; measure one first: python launch.py -m seq_len=64,128")
    runs = [c.run_id for c in cells if c.sweep == cells[-1].sweep][:MOST_RUNS]
    experiment_id = store.experiment_id(experiment, create=False)
    with mlflow_ui(root) as address:
        query = urllib.parse.urlencode({"runs": json.dumps(runs), "experiments": json.dumps([experiment_id])})
        _taken(f"{address}/#/compare-runs?{query}", PICTURES / "compare.png", (1500, 1250), 30_000)


def _taken(url: str, file: Path, size: tuple[int, int], wait_ms: int) -> None:
    picture(url, file, size, wait_ms)
    print(file)


@contextmanager
def mlflow_ui(root: Path) -> Iterator[str]:
    """The UI on a free port, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = f"sqlite:///{root.resolve() / 'mlflow.db'}"
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store, "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
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
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(30)


if __name__ == "__main__":
    main()
