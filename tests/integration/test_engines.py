"""The same small sweep by every engine and into either store: the same cells, judged alike."""

from pathlib import Path

import pytest

from tests.integration.engines import ENGINES, Swept, swept
from tests.integration.serving import Served

pytestmark = pytest.mark.slow

GRID = ("seq_len=8,16", "batch=1,2,4")
CELLS = 6


def test_a_sweep_of_six_cells_is_the_same_whichever_engine_carries_it_and_wherever_it_is_kept(
    tmp_path: Path, user_environment: dict[str, str], served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)  # whoever reads asks the server too
    let_in = {**user_environment, **served.environment, "MLFLOW_TRACKING_URI": served.uri}
    stores = {"sqlite": (user_environment, None), "server": (let_in, served.uri)}
    sweeps = {
        f"{engine} into {store}": swept(engine, GRID, tmp_path / f"{store}_{engine}", environment, server)
        for store, (environment, server) in stores.items()
        for engine in ENGINES
    }
    assert len(sweeps) == 8
    expected = next(iter(sweeps.values()))
    require_whole(expected)
    for which, sweep in sweeps.items():
        assert sweep == expected, which


def require_whole(sweep: Swept) -> None:
    """Every cell was measured once, alone on its device, in the sweep that had declared it, and was judged."""
    assert len({cell[0] for cell in sweep.cells}) == len(sweep.cells) == CELLS
    assert {len(models) for _, _, models, _, _ in sweep.cells} == {1}
    assert sweep.told == f"the sweep of {CELLS} cells: {CELLS} measured"
    assert (sweep.overlaps, sweep.missing, sweep.status) == ((), (), "FINISHED")
    assert sweep.verdict == "EXPLORATORY"
    outcomes = {(gate, outcome) for gate, _, outcome in sweep.gates}
    assert {("complete", "PASS"), ("integrity", "PASS"), ("gain", "NO_EVIDENCE")} <= outcomes
