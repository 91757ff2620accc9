import re
import shlex
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ace.cli.sweep import expand
from ace.decide import commands, launching
from ace.decide.gather import gather
from ace.decide.jobs import covers, split_job
from ace.domain.plan import ExecutorSpec, RivalSpec, Shape
from tests.unit.decide import builders as b
from tests.unit.decide import registered


def shapes(*pairs):
    return [Shape(seq_len, batch, 384, 6) for seq_len, batch in pairs]


def test_a_full_product_is_one_multirun():
    command = commands.measure(b.plan(), None, "validation", shapes((64, 1), (64, 2), (128, 1), (128, 2)))
    assert command == (
        "python launch.py -m experiment.name=token_pruning model=minilm executor=token_pruning executor.keep_ratio=0.7 "
        "protocol=standard split=validation seq_len=64,128 batch=1,2"
    )


def test_what_is_no_product_takes_several_commands_and_nothing_more_is_measured():
    command = commands.measure(b.plan(), None, "validation", shapes((64, 1), (128, 1), (128, 2)))
    assert [part.split("split=validation ")[1] for part in command.split(" && ")] == [
        "seq_len=64 batch=1",
        "seq_len=128 batch=1,2",
    ]


def test_what_a_job_chose_is_kept_and_its_place_on_the_map_is_not():
    job = "+executor.key=[1,2],batch=1,executor=halve,seed=3,seq_len=64,split=development"
    command = commands.measure(b.plan(), job, "validation", shapes((64, 1)))
    assert command == "python launch.py '+executor.key=[1,2]' executor=halve split=validation seq_len=64 batch=1"


def test_measuring_again_takes_a_seed_that_was_not_used():
    cells = [b.stored(b.record(of=b.plan(seed=seed), seed=seed)) for seed in (0, 4)]
    [cell] = gather(b.evidence(*cells))[0].cells
    assert "seed=5" in commands.measure_again([cell])


def test_hidden_and_depth_are_named_where_the_map_has_them_free():
    command = commands.measure(b.plan(), None, "development", [Shape(64, 1, 96, 2)])
    assert command.endswith("seq_len=64 batch=1 hidden=96 depth=2")


def test_a_users_executor_is_named_by_its_import_path_with_new_parameters():
    plan = b.plan(target="mypkg.halve.Halve", parameters=(("layers", (1, 2)), ("note", "two words"), ("on", True)))
    command = commands.measure(plan, None, "development", shapes((64, 1)))
    assert "executor._target_=mypkg.halve.Halve '+executor.layers=[1,2]'" in command
    assert """'+executor.note='"'"'two words'"'"''""" in command
    assert "+executor.on=true" in command


def test_jobs_that_a_sweep_did_not_reach_are_run_by_their_own_overrides():
    jobs = ["batch=1,executor.prune_at=[0.1,0.5],seq_len=64", "batch=2,executor.prune_at=[0.1,0.5],seq_len=64"]
    assert commands.run_again(jobs) == "python launch.py -m batch=1,2 'executor.prune_at=[0.1,0.5]' seq_len=64"


def test_a_single_missing_job_is_still_a_sweep_so_that_it_keeps_its_name():
    assert commands.run_again(["batch=2,seq_len=64"]) == "python launch.py -m batch=2 seq_len=64"


@pytest.mark.parametrize(
    ("job", "covered"),
    [
        ("batch=1,seq_len=64", True),
        ("batch=2,seq_len=64", False),
        ("batch=1,seq_len=64,split=validation", False),
        ("batch=1,executor=identity,seq_len=64", False),  # cannot be told from the plan: not assumed
        ("seed=0", True),
    ],
)
def test_a_measurement_covers_a_job_only_when_all_its_overrides_agree(job, covered):
    assert covers(b.stored(b.record()), job) is covered


def test_a_job_of_the_same_name_is_covered():
    attempt = b.stored(b.record(), job="batch=1,executor=identity,seq_len=64")
    assert covers(attempt, "batch=1,executor=identity,seq_len=64")


def test_a_split_is_named_by_the_file_that_it_came_from():
    digits = b.plan()
    digits = replace(digits, benchmark=replace(digits.benchmark, target="ace.benchmarks.mnist.development"))
    assert "split=mnist_validation" in commands.measure(digits, None, "validation", shapes((50, 1)))
    job = "executor=halve,split=my_development"
    assert "split=my_validation" in commands.measure(b.plan(), job, "validation", shapes((64, 1)))


def test_the_command_that_opens_the_holdout_says_in_every_part_what_was_registered():
    cells = registered.explored((64, 1), (128, 2), (128, 1))
    made = replace(registered.registration_of(cells), holdout_file="news_holdout")
    part = "seq_len={} batch={} split=news_holdout protocol=standard split.examples=1000"
    command = commands.measure_holdout(b.plan(), None, made, made.cells)
    assert [text.split("keep_ratio=0.7 ")[1] for text in command.split(" && ")] == [
        part.format("64", "1"),
        part.format("128", "1,2"),
    ]


def test_the_rivals_that_somebodys_own_executor_brought_are_measured_again_with_it():
    rival = RivalSpec("half", "simpler", ExecutorSpec("mine.Half", (("keep", 0.5),)))
    plan = replace(b.plan(), executor=ExecutorSpec("mine.Halve", ()), rivals=(rival,))
    command = commands.measure(plan, None, "development", shapes((64, 1)))
    for word in ("+executor.rivals.half.role=simpler", "+executor.rivals.half._target_=mine.Half",
                 "+executor.rivals.half.keep=0.5"):  # fmt: skip
        assert word in command.split()
    assert "rivals" not in commands.measure(replace(b.plan(), rivals=(rival,)), None, "development", shapes((64, 1)))


def test_a_command_that_is_to_measure_enough_asks_for_enough():
    assert commands.with_sessions("launch protocol.sessions=2 batch=1", 6) == "launch protocol.sessions=6 batch=1"
    assert commands.with_sessions("launch protocol.sessions=20", 6) == "launch protocol.sessions=20"


def test_a_number_of_sessions_that_nobody_could_write_is_left_as_it_is():
    command = "launch protocol.sessions=" + "9" * 5000
    assert commands.with_sessions(command, 6) == command


def test_numbers_of_thousands_of_digits_are_listed_as_texts():
    jobs = [f"seq_len={'9' * 5000}{digit}" for digit in range(10)]
    assert commands.run_again(jobs) == "python launch.py -m seq_len=" + ",".join(job[8:] for job in jobs)


@pytest.mark.parametrize("shared", [True, False])
def test_hundreds_of_jobs_that_are_no_product_are_the_first_commands_and_how_many_are_left(shared):
    jobs = [
        ",".join(f"k{key if shared else 400 * job + key}={'other' if key == job else 'same'}" for key in range(400))
        for job in range(400)
    ]
    begun_s = time.process_time()
    *first, last = commands.run_again(jobs).split(" && ")
    assert time.process_time() - begun_s < 20
    assert len(first) == 50
    assert all(part.startswith("python launch.py -m k") for part in first)
    assert shlex.split(last) == ["echo", "350 more to run: ask again when these are done"]


def test_jobs_too_many_to_look_for_products_are_told_one_by_one(monkeypatch):
    jobs = [f"batch={batch},seq_len={length}" for batch in (1, 2) for length in (16, 32)]
    monkeypatch.setattr(launching, "MOST_READ", 7)
    assert commands.run_again(jobs) == " && ".join(
        f"python launch.py -m batch={batch} seq_len={length}" for batch in (1, 2) for length in (16, 32)
    )


def test_what_a_command_for_the_holdout_leaves_out_is_said_and_registered_for_nothing():
    places = shapes(*((16 + 2 * step, 1 + step) for step in range(60)))
    made = registered.registration_of(registered.explored((64, 1)))
    *first, last = commands.measure_holdout(b.plan(), None, made, places).split(" && ")
    assert len(first) == 50
    assert all(part.endswith("split=holdout protocol=standard split.examples=1000") for part in first)
    assert last == "echo '10 more to run: ask again when these are done'"


def former_split(job: str) -> list[str]:
    """As it was written first: the same, but quadratic in brackets that nothing closes."""
    return re.findall(r"""(?:\[[^\]]*\]|\{[^}]*\}|\([^)]*\)|'[^']*'|"[^"]*"|[^,])+""", job)


@given(st.text("ab=,[]{}()'\"\n", max_size=30))
def test_a_job_is_split_at_the_commas_that_nothing_encloses(job):
    assert split_job(job) == former_split(job)


@pytest.mark.parametrize("opening", ["[", "{", "(", "'", '"', "[{(", "[]" * 2 + "("])
def test_a_million_brackets_are_split_at_once(opening):
    job = opening * (1_000_000 // len(opening))
    begun_s = time.process_time()
    assert split_job(job) == [job]
    assert time.process_time() - begun_s < 10


def test_many_values_in_even_steps_are_one_range_that_hydra_expands_to_the_same_jobs():
    shapes = [Shape(length, batch, 384, 6) for length in range(16, 56, 4) for batch in (*range(1, 21), 32)]
    command = commands.measure(b.plan(), None, "development", shapes)
    assert "'seq_len=range(16,53,4)'" in command
    assert "batch=1,2,3" in command  # 32 breaks the step
    jobs = expand([word for word in shlex.split(command)[2:] if word != "-m"])
    places = [dict(override.split("=", 1) for override in job) for job in jobs]
    assert {(int(job["seq_len"]), int(job["batch"])) for job in places} == {(s.seq_len, s.batch) for s in shapes}
    assert len(jobs) == len(shapes)
