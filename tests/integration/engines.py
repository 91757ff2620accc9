"""One small sweep, carried by one of the engines into one store as a user does it, and what it left there."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from ace.decide import judge
from ace.domain.canonical import digest
from ace.domain.record import CellRecord, Digests
from ace.domain.stored import Evidence
from ace.tracking.ledger import Ledger
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from tests import builders
from tests.integration.conftest import REPOSITORY

RAY = REPOSITORY / ".venv-ray" / "bin" / "python"
ENGINES = {
    "basic": (),
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "submitit_local": ("hydra/launcher=submitit_local",),
    "ray": ("hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"),
}
TINY = (
    "model=encoder", "hidden=32", "depth=1", "executor=identity", "split.examples=64", "inputs.rivals=null",
    "protocol.sessions=1", "protocol.rounds=2", "protocol.warmup_rounds=1",
)  # fmt: skip


@dataclass(frozen=True)
class Swept:
    """What a sweep left. `cells`: axes, and digests of plan, models, documents and their files; `told`: its last
    line; `overlaps`: cells that were measured while another one was; `status`: of the sweep; `missing`: planned jobs
    without an attempt; `gates`: name, cell and outcome of every gate of the decision."""

    cells: tuple[tuple[str, str, tuple[str, ...], str, Digests], ...]
    told: str
    overlaps: tuple[str, ...]
    status: str
    missing: tuple[str, ...]
    verdict: str
    gates: tuple[tuple[str, str, str], ...]


def swept(
    engine: str, grid: tuple[str, ...], home: Path, environment: Mapping[str, str], server: str | None = None
) -> Swept:
    """Launch the sweep in a folder of its own, and read it back.  `server`: where it is kept, SQLite without one."""
    assert engine != "ray" or RAY.exists(), "Ray has no environment yet: make ray"
    home.mkdir()
    experiment = f"by_{engine}"
    kept = ("tracking=server",) if server else ()
    python = RAY if engine == "ray" else Path(sys.executable)
    asked = (*grid, *TINY, *kept, f"experiment.name={experiment}", *ENGINES[engine])
    done = subprocess.run(
        [str(python), str(REPOSITORY / "launch.py"), "-m", *asked],
        cwd=home, env=dict(environment), capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    evidence = read_evidence(open_existing_store(server, home / "mlruns"), experiment, Ledger(home / "ledger.jsonl"))
    return _told(evidence, [line for line in done.stdout.splitlines() if line.startswith("the sweep of ")][-1])


def _told(evidence: Evidence, line: str) -> Swept:
    records = [(a.job or "", a.record) for a in evidence.cells if a.record is not None]
    [sweep] = evidence.sweeps
    [decision] = judge(evidence, builders.near_term())
    return Swept(
        cells=tuple(sorted((_axes(job), *_asked(record)) for job, record in records)),
        told=line.partition(";")[0],
        overlaps=_overlaps([record for _, record in records]),
        status=sweep.status,
        missing=tuple(set(sweep.planned) - {a.job for a in evidence.cells if a.sweep == sweep.sweep}),
        verdict=decision.verdict,
        gates=tuple(sorted((gate.name, gate.cell or "", str(gate.outcome)) for gate in decision.gates)),
    )


def _axes(job: str) -> str:
    return ",".join(part for part in job.split(",") if part.startswith(("seq_len=", "batch=")))


def _asked(record: CellRecord) -> tuple[str, tuple[str, ...], str, Digests]:
    """What was measured, by digests: of the plan, but for the experiment's name; of the model as it lay in the memory
    of each session; of the documents in their order, and of the files that they come from."""
    models = tuple(session.baseline_digest for session in record.sessions)
    return replace(record.plan, experiment="same").digest, models, digest(record.documents), record.data


def _overlaps(records: list[CellRecord]) -> tuple[str, ...]:
    spans = sorted((min(s.started_at for s in r.sessions), r.ended_at, str(r.plan.shape)) for r in records)
    return tuple(f"{a[2]} and {b[2]}" for a, b in pairwise(spans) if b[0] < a[1])
