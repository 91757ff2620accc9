"""What makes another measurement of a cell: any source that its plan names, and nothing that git says."""

from dataclasses import replace

from ace.domain.plan import ExecutorSpec, RivalSpec
from ace.measure.code_state import code_state, measured_by
from tests import builders as b


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


def test_a_rival_that_is_nowhere_costs_no_cell(tmp_path):
    plan = b.plan()
    plan = replace(plan, rivals=(RivalSpec("other", "simpler", ExecutorSpec("nowhere_to_be_found.Rival", ())),))
    assert dict(measured_by(plan, code_state(plan.executor, tmp_path)))["nowhere_to_be_found"] == "nowhere"


def test_an_idea_of_aces_own_is_digested_once_with_the_package(tmp_path):
    code = code_state(b.plan().executor, tmp_path)
    assert code.executor_digest == code.package_digest
    assert dict(measured_by(b.plan(), code))["ace"] == code.package_digest
