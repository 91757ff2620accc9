"""The same small sweep by every engine: the same cells, made from the same configuration, judged alike."""

from pathlib import Path

import pytest

from tests.integration.engines import ENGINES, Swept, swept
from tests.integration.serving import Served

pytestmark = pytest.mark.slow


def require_alike(sweeps: dict[str, Swept], cells: int) -> None:
    """Every cell was measured once, alone on its device, from the same plan, in the sweep that had declared it."""
    expected = next(iter(sweeps.values()))
    assert len(expected.cells) == cells
    for engine, sweep in sweeps.items():
        assert sweep.cells == expected.cells, engine
        assert sweep.told == f"the sweep of {cells} cells: {cells} measured", engine
        assert (sweep.overlaps, sweep.missing, sweep.status) == ((), (), "FINISHED"), engine
        assert sweep.verdict == expected.verdict == "EXPLORATORY", engine


def test_a_sweep_of_six_cells_is_the_same_whichever_engine_carries_it(
    tmp_path: Path, user_environment: dict[str, str]
) -> None:
    grid = ("seq_len=8,16", "batch=1,2,4")
    require_alike({engine: swept(engine, grid, tmp_path / engine, user_environment) for engine in ENGINES}, 6)


def test_jobs_in_other_processes_are_let_in_by_a_server_that_asks_who_comes(
    tmp_path: Path, user_environment: dict[str, str], served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    let_in = {**user_environment, **served.environment, "MLFLOW_TRACKING_URI": served.uri}
    grid = ("seq_len=8", "batch=1,2")
    others = ("submitit_local", "ray")  # test_store_server has the basic one
    require_alike({engine: swept(engine, grid, tmp_path / engine, let_in, served.uri) for engine in others}, 2)
