"""What measuring costs besides the timed calls: `python -m benchmarks.bench_measuring [seq_len] [batch]`.

Prints, over a few real sessions: seconds from starting the process to its first warm-up call (budget 3 s), and time
spent between timed calls as a share of the timed time (budget 20 % at 256x4).
"""

import statistics
import sys
import tempfile
from pathlib import Path

from ace.domain.session import CANDIDATE
from ace.measure.code_state import code_state
from ace.measure.observe import observe
from ace.measure.watching import Silent
from ace.measure.workshop import Workshop
from ace.models.loading import model_digests
from ace.wiring import compose_config, plan_of


def main(seq_len: int, batch: int) -> None:
    """Measure one cell with few documents scored, and print."""
    plan = plan_of(
        compose_config([f"seq_len={seq_len}", f"batch={batch}", "protocol.sessions=5", f"split.examples={12 * batch}"])
    )
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(Path(folder) / "attempt", Path(folder) / "cache", 2, "bench")
        weights = model_digests(plan.model)
        record = observe(plan, "bench", code_state(plan.executor, Path.cwd()), weights, shop, Silent())
    ready = [session.ready_s for session in record.sessions]
    overhead = [session.measuring_s / session.timed_s - 1 for session in record.sessions]
    call = [statistics.median(session.wall_s(CANDIDATE)) for session in record.sessions]
    print(f"{plan.shape}, {len(record.sessions)} sessions, a candidate call {statistics.median(call) * 1e3:.1f} ms")
    print(f"start to first warm-up  median {statistics.median(ready):.2f} s, max {max(ready):.2f} s (budget 3 s)")
    print(f"between timed calls     median {statistics.median(overhead):.1%}, max {max(overhead):.1%} (budget 20 %)")


if __name__ == "__main__":
    main(*(int(value) for value in sys.argv[1:3] or ("256", "4")))
