from dataclasses import replace

from ace.cli import stale
from ace.cli.verifying import verify
from ace.executors.loading import source_digest
from tests import builders as b
from tests.unit.report.bundles import GAIN, written

FRESH_DAYS = b.near_term().fresh_days


def fresh(tmp_path, age_days=0.0, now_s=2e9):
    """A bundle measured `age_days` before `now_s` by the code that is installed."""
    made = b.honest(GAIN, b.plan())
    digest = source_digest("ace")
    made = replace(
        made,
        code=replace(made.code, package_digest=digest, executor_digest=digest),
        ended_at=now_s - 86400 * age_days,
    )
    written(tmp_path / "bundle", b.evidence(b.stored(made)))
    return verify(tmp_path / "bundle", None, now_s)


def test_a_bundle_of_today_and_of_this_code_is_not_stale(tmp_path):
    found = fresh(tmp_path)
    assert (found.problems, found.moved_on) == ((), ())


def test_a_bundle_is_stale_the_day_after_it_was_last_fresh(tmp_path):
    assert fresh(tmp_path, age_days=FRESH_DAYS).moved_on == ()
    [said] = fresh(tmp_path, age_days=FRESH_DAYS + 1).moved_on
    assert said == "rests on a cell last measured on 2033-02-16, 91 days ago; fresh is 90"


def test_an_idea_that_was_edited_since_is_named_where_it_is_installed(tmp_path, monkeypatch):
    (tmp_path / "my_idea.py").write_text("class Halve: ...")
    monkeypatch.syspath_prepend(tmp_path)
    made = b.record(of=b.plan(target="my_idea.Halve"))
    made = replace(made, code=replace(made.code, package_digest=source_digest("ace")))
    [said] = stale.code_moved_on([made])
    assert said.startswith("measured with sources executor of my_idea.Halve; those installed here are ")
    elsewhere = replace(made, plan=b.plan(target="nobody_has_this.Halve"))
    assert list(stale.code_moved_on([elsewhere])) == []
