"""Which cells go on where they were interrupted: all, unless asked to be measured anew; sealed ones even then."""

from dataclasses import replace
from pathlib import Path

import pytest

from ace.cell import Attempt
from ace.cli.measuring import ANEW, continued
from ace.domain.plan import CellPlan
from ace.measure.messages import HEARD
from ace.wiring import Resuming
from tests.unit.cli.test_interrupted import left
from tests.unit.decide import builders as b
from tests.unit.decide import registered as r

RESUMED = Resuming(resume=True, failed_only=False, dry_run=False, fail_fast=False)
SEALED = replace(b.plan(64, 1, "holdout"), benchmark=r.HOLDOUT, registration="claim", look="look")
OPEN = b.plan(64, 1, "validation")


def attempt(plan: CellPlan) -> Attempt:
    return Attempt("new", plan, r.CODE, (("model", "53aa"),), None, None, 2000.0, (("ace", "0a"),))


@pytest.mark.parametrize("asked", [(SEALED, RESUMED), (SEALED, ANEW), (OPEN, RESUMED)])
def test_a_cell_goes_on_with_the_sessions_that_it_had(
    tmp_path: Path, asked: tuple[CellPlan, Resuming], capsys: pytest.CaptureFixture[str]
) -> None:
    plan, resuming = asked
    left(tmp_path, "old", key=attempt(plan).cell_key)
    assert continued(attempt(plan), tmp_path / "new", resuming).started_at == 1000.0
    assert len(list((tmp_path / "new").glob(f"*/{HEARD}"))) == 2
    assert "2 session(s) of an interrupted attempt are kept" in capsys.readouterr().out


def test_a_cell_that_is_to_be_measured_anew_leaves_them(tmp_path: Path) -> None:
    left(tmp_path, "old", key=attempt(OPEN).cell_key)
    assert continued(attempt(OPEN), tmp_path / "new", ANEW) == attempt(OPEN)
    assert (tmp_path / "old").exists()


@pytest.mark.parametrize("change", [{"look": "another"}, {"registration": "another"}, {"seed": SEALED.seed + 1}])
def test_a_sealed_cell_takes_nothing_of_another_look_registration_or_seed(
    tmp_path: Path, change: dict[str, object]
) -> None:
    left(tmp_path, "old", key=attempt(SEALED).cell_key)
    other = attempt(replace(SEALED, **change))
    assert continued(other, tmp_path / "new", RESUMED) == other
    assert len(list((tmp_path / "old").glob(f"*/{HEARD}"))) == 2
