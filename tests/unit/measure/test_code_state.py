"""What makes another measurement of a cell: any source that its plan names, and nothing that git says."""

from dataclasses import replace

import pytest

from ace.domain.plan import ExecutorSpec, RivalSpec
from ace.errors import PlanError
from ace.executors import loading
from ace.measure.code_state import code_state, measured_by
from tests import builders as b
from tests.unit.models.folders import folder


def test_the_sources_of_every_package_that_a_plan_names_are_in_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("idea", "rival", "reader"):
        (tmp_path / f"{name}_of_others.py").write_text(f"def {name}(): ...\n")
    plan = b.plan(target="idea_of_others.Idea", parameters=())
    rival = RivalSpec("other", "simpler", ExecutorSpec("rival_of_others.Rival", ()))
    benchmark = replace(plan.benchmark, target="reader_of_others.reader")
    plan = replace(plan, rivals=(rival,), benchmark=benchmark)

    def seen():
        return dict(measured_by(plan, code_state(plan.executor, tmp_path)))

    before = seen()
    assert {"ace", "idea_of_others", "rival_of_others", "reader_of_others", "python", "torch"} <= set(before)
    for name in ("idea", "rival", "reader"):
        (tmp_path / f"{name}_of_others.py").write_text(f"def {name}(): return 1\n")
        after = seen()
        assert {key for key in after if after[key] != before[key]} == {f"{name}_of_others"}
        before = after


@pytest.mark.parametrize(
    ("name", "counts"), [("ATEN_CPU_CAPABILITY", True), ("LD_PRELOAD", True), ("OMP_NUM_THREADS", False)]
)
def test_a_setting_that_changes_what_code_costs_makes_another_measurement(tmp_path, monkeypatch, name, counts):
    monkeypatch.delenv(name, raising=False)
    code = code_state(b.plan().executor, tmp_path)
    before = measured_by(b.plan(), code)
    monkeypatch.setenv(name, "default")
    assert (measured_by(b.plan(), code) != before) is counts  # threads are the plan's, whatever the shell says


def test_a_rival_that_is_nowhere_costs_no_cell(tmp_path):
    plan = b.plan()
    plan = replace(plan, rivals=(RivalSpec("other", "simpler", ExecutorSpec("nowhere_to_be_found.Rival", ())),))
    assert dict(measured_by(plan, code_state(plan.executor, tmp_path)))["nowhere_to_be_found"] == "nowhere"


def test_an_idea_of_aces_own_is_digested_once_with_the_package(tmp_path):
    code = code_state(b.plan().executor, tmp_path)
    assert code.executor_digest == code.package_digest
    assert dict(measured_by(b.plan(), code))["ace"] == code.package_digest


def test_a_rival_that_cannot_be_digested_is_not_taken_for_one_that_is_nowhere(tmp_path, monkeypatch):
    (tmp_path / "rival_with_data").mkdir()
    for name in ("__init__.py", "data.bin"):
        (tmp_path / "rival_with_data" / name).write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    plan = b.plan()
    plan = replace(plan, rivals=(RivalSpec("other", "simpler", ExecutorSpec("rival_with_data.Rival", ())),))
    code = code_state(plan.executor, tmp_path)
    monkeypatch.setattr(loading, "MOST_FILES", 1)
    with pytest.raises(PlanError, match="package rival_with_data is refused"):
        measured_by(plan, code)


def test_a_file_beside_an_ideas_sources_makes_another_measurement(tmp_path, monkeypatch):
    (tmp_path / "idea_with_file").mkdir()
    (tmp_path / "idea_with_file" / "__init__.py").write_text("class Idea: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plan = b.plan(target="idea_with_file.Idea", parameters=())
    seen = set()
    for params in ("{}", '{"keep": 0.5}'):
        (tmp_path / "idea_with_file" / "params.json").write_text(params)
        code = code_state(plan.executor, tmp_path)
        assert dict(measured_by(plan, code))["idea_with_file"] == code.executor_digest
        seen.add(code.executor_digest)
    assert len(seen) == 2


@pytest.mark.parametrize(("kind", "runs"), [("bert", False), ("distilbert", True)])
def test_the_version_of_transformers_counts_where_it_runs_the_model(tmp_path, monkeypatch, kind, runs):
    model = replace(b.plan().model, target="ace.models.hf.load", name=str(folder(tmp_path / "model", model_type=kind)))
    plan, code = replace(b.plan(), model=model), code_state(b.plan().executor, tmp_path)
    seen = set()
    for version in ("5.0.0", "5.0.1"):
        monkeypatch.setattr("ace.models.hf.metadata.version", lambda _, version=version: version)
        seen.add(measured_by(plan, code)[-1] if runs else ("transformers" in dict(measured_by(plan, code))))
    assert seen == ({("transformers", "5.0.0"), ("transformers", "5.0.1")} if runs else {False})
