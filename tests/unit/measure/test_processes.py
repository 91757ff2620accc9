"""What a worker inherits: an executor is foreign code and may print all of it."""

from pathlib import Path

import pytest

from ace.measure.messages import Task, WorkOrder
from ace.measure.processes import SECRETS, worker_environment
from tests import builders


def test_a_worker_never_sees_what_opens_the_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "hush")
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    order = WorkOrder(Task.CHECK, builders.plan(), str(tmp_path / "inputs"), 0, 1, 0.0, str(tmp_path), False, ())
    made = worker_environment(order)
    assert "hush" not in made.values()
    assert made["OMP_PROC_BIND"] == "true"
