"""Cases of the end-to-end table, measured anew: a deception is named, an honest control is answered."""

import math
from dataclasses import replace

import pytest

from tests.deceptions.end_to_end import LAUNCHES, Seen, Trial, run
from tests.deceptions.table import END_TO_END, PAGE

TRIALS = tuple(trial for launch in LAUNCHES for trial in launch.trials)
AGAIN = tuple(launch for launch in LAUNCHES if launch.again)
MEASURED = tuple(trial for launch in AGAIN for trial in launch.trials)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    return {found.trial.name: found for found in run(tmp_path_factory.mktemp("user"), AGAIN)}


@pytest.mark.slow
@pytest.mark.steady
@pytest.mark.parametrize("trial", [t for t in MEASURED if not t.regimes], ids=lambda trial: trial.name)
def test_a_deception_on_the_real_model_is_never_accepted_and_named_for_what_it_does(
    trial: Trial, seen: dict[str, Seen]
) -> None:
    assert seen[trial.name].as_meant, seen[trial.name]


@pytest.mark.slow
@pytest.mark.steady
@pytest.mark.parametrize("trial", [t for t in MEASURED if t.regimes], ids=lambda trial: trial.name)
def test_an_honest_idea_on_the_real_model_gets_the_answer_that_its_truth_allows(
    trial: Trial, seen: dict[str, Seen]
) -> None:
    assert seen[trial.name].as_meant, seen[trial.name]


@pytest.mark.slow
@pytest.mark.steady
@pytest.mark.parametrize(("name", "sign"), [("planted gain", 1.0), ("planted loss", -1.0)])
def test_planted_work_is_found_at_its_size(name: str, sign: float, seen: dict[str, Seen]) -> None:
    found = seen[name].gain
    assert found is not None
    _, low, high = found
    slack = 0.01  # the calibration of the planted work is itself measured, to about 5 % of the share
    assert low - slack <= sign * math.log1p(0.1) <= high + slack


def test_the_committed_table_has_a_row_for_each_case_and_none_came_out_otherwise_than_it_must() -> None:
    below = PAGE.read_text(encoding="utf-8").split(END_TO_END)[1]
    names = [line.split(" | ")[0].removeprefix("| ") for line in below.splitlines() if line.startswith("| ")]
    assert [name for name in names if name not in ("case", "honest")] == [trial.name for trial in TRIALS]
    assert "not so" not in below


def test_an_a_a_is_answered_by_an_interval_beside_0_and_never_by_a_claim() -> None:
    [trial] = [trial for trial in TRIALS if trial.name == "the same program twice"]
    beside = Seen(trial, "REJECTED_NO_GAIN", "edge", (0.006, 0.001, 0.011), (), (), "")
    assert beside.as_meant
    assert not replace(beside, regime="positive", verdict="EXPLORATORY").as_meant
    assert not replace(beside, regime="collapse", verdict="REJECTED_HARM").as_meant
    assert not replace(beside, regime="edge", verdict="EXPLORATORY").as_meant  # its gain may be worth having
    assert not replace(beside, open=("unsteady",)).as_meant
    noisy = replace(beside, regime="unresolved", gain=(0.013, -0.003, 0.028), open=("imprecise",))
    assert noisy.as_meant  # it was too noisy to say more, and that is what was said
    assert not replace(noisy, gain=(0.013, 0.003, 0.028)).as_meant
    assert not replace(noisy, verdict="EXPLORATORY").as_meant
    assert not replace(noisy, open=("imprecise", "unsteady")).as_meant
    honest = next(trial for trial in TRIALS if trial.name == "token pruning")
    assert not replace(noisy, trial=honest).as_meant
    assert not replace(beside, trial=honest).as_meant
