from dataclasses import replace

import pytest

from ace.tracking.names import PID_NAMESPACE
from ace.tracking.process import gone_because, mark_of, this_process


def test_a_mark_survives_being_written_as_tags():
    here = this_process()
    read = mark_of(here.tags())
    assert read == replace(here, started_at=read.started_at)
    assert abs(read.started_at - here.started_at) < 0.01


def test_a_run_without_a_readable_mark_has_none():
    tags = this_process().tags()
    assert mark_of({}) is None
    assert mark_of(tags | {"ace.pid": "many"}) is None


def test_the_calling_process_is_alive():
    assert gone_because(this_process(), this_process()) is None


def test_a_number_that_another_process_has_now_does_not_keep_a_run_alive():
    here = this_process()
    assert "another one has its number" in gone_because(replace(here, started_at=here.started_at - 60), here)


def test_nothing_outlives_a_restart_of_its_host():
    here = this_process()
    assert "restarted" in gone_because(replace(here, boot_id="an earlier boot"), here)


def test_a_process_that_no_longer_exists_is_gone():
    here = this_process()
    assert "is gone" in gone_because(replace(here, pid=2**30), here)  # beyond what any kernel hands out


@pytest.mark.parametrize("elsewhere", [{"pid_namespace": "pid:[1]"}, {"host": "another"}])
def test_nobody_knows_of_another_container_or_host_whether_a_process_is_gone(elsewhere):
    here = this_process()
    for mark in (replace(here, pid=2**30), replace(here, boot_id="another boot"), replace(here, started_at=1.0)):
        assert gone_because(mark, here) is not None
        assert gone_because(replace(mark, **elsewhere), here) is None
    in_no_namespace = replace(here, pid_namespace=None)
    assert gone_because(replace(here, pid=2**30, **elsewhere), in_no_namespace) is None


def test_a_mark_of_before_namespaces_is_read_as_it_was():
    here = this_process()
    tags = replace(here, pid=2**30).tags()
    assert tags.pop(PID_NAMESPACE) == here.pid_namespace
    old = mark_of(tags)
    assert old.pid_namespace is None
    assert old.tags() == tags
    assert "is gone" in gone_because(old, here)


@pytest.mark.parametrize("wrong", [{"ace.pid": "-1"}, {"ace.pid": "0"}, {"ace.process_started_at": "nan"}])
def test_a_mark_that_no_process_can_have_is_none(wrong):
    assert mark_of(this_process().tags() | wrong) is None
