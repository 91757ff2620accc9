import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from ace.decide.commands import measure
from ace.domain.plausible import impossible
from ace.errors import PlanError
from ace.wiring import (
    compose_config,
    drop_foreign_parameters,
    experiment_name,
    plan_of,
    policy_of,
    refuse_password,
    refuse_renamed,
    refuse_sealed,
    refuse_shadowed,
    settings_of,
    told,
)
from tests.unit.decide import builders as b
from tests.unit.models.folders import folder


def test_with_no_override_the_plan_is_the_default_experiments_first_cell() -> None:
    plan = plan_of(compose_config([]))
    assert (plan.experiment, plan.shape.seq_len, plan.shape.batch) == ("token_pruning", 64, 1)
    assert plan.executor.target == "ace.executors.token_pruning.TokenPruning"
    assert plan.benchmark.split == "development"
    assert (plan.protocol.sessions, plan.protocol.rounds) == (10, 12)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["batch=0"], "batch=0 is refused; allowed: 1 or more"),
        (["batch=65", "split.examples=64"], "batch=65 is refused; allowed: at most split.examples=64 documents"),
        (["batch=two"], "batch: expected int, got 'two'"),
        (["seq_len=513"], "seq_len=513 is refused; allowed: at most 512"),
        (["hidden=256"], "hidden=256 is refused; allowed: 384.*model=encoder has hidden free"),
        (["model=encoder", "hidden=100"], "hidden=100 is refused; allowed: a multiple of 32"),
        (["seed=-1"], "seed=-1 is refused"),
        (["replicate=9223372036854"], "replicate=9223372036854 is refused; allowed: 0 to 9223372036853, and"),
        (["protocol.session_limit_s=1e19"], r"session_limit_s=1e\+19 is refused; allowed: at most 1000000000"),
        ([f"protocol.sessions={10**19}"], f"protocol.sessions={10**19} is refused"),
        (["protocol=isolated", f"protocol.isolated_sessions={10**19}"], f"isolated_sessions={10**19} is refused"),
        ([f"split.examples={10**19}"], f"split.examples={10**19} is refused"),
        (["protocol.rounds=11"], "protocol.rounds=11 is refused; allowed: an even number"),
        (["+protocol.rouns=10"], "unknown field 'rouns'"),
        (["+model.width=1"], "model.width is not a key ACE knows"),
        (["+speed=1"], "speed is not a key ACE knows"),
        (["split.name=test"], "split.name=test is refused; allowed: development, validation, holdout"),
        (["experiment.name=a/b"], "experiment.name=a/b is refused"),
        (["executor._target_=Halve"], "executor._target_=Halve is refused; allowed: package.module.Class"),
        (["seq_len=${nowhere}"], "cannot be resolved"),
    ],
)
def test_what_cannot_be_run_is_refused_by_key_value_and_what_is_allowed(overrides: list[str], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        plan_of(compose_config(overrides))


@pytest.mark.parametrize("overrides", [["seqlen=64"], ["executor=halve"], ["executor.keep_ration=0.5"]])
def test_a_key_or_option_that_does_not_exist_is_refused_by_hydra(overrides: list[str]) -> None:
    with pytest.raises(ConfigCompositionException):
        compose_config(overrides)


def test_the_last_replicate_that_a_plan_takes_is_believed_in_its_record() -> None:
    asked = ["replicate=9223372036853", "seed=999999", "protocol.session_limit_s=1e9"]
    plan = plan_of(compose_config(asked))
    assert impossible(b.record(of=plan)) is None


def test_hidden_and_depth_reach_a_model_that_has_them_free() -> None:
    plan = plan_of(compose_config(["model=encoder", "hidden=256", "depth=3"]))
    assert (plan.model.hidden, plan.model.depth, plan.model.heads) == (256, 3, 8)
    assert not plan.model.pretrained


def test_another_executor_class_drops_the_parameters_that_were_not_given_with_it() -> None:
    overrides = ["executor._target_=mypkg.Halve", "+executor.step=2"]
    config = compose_config(overrides)
    assert set(drop_foreign_parameters(config, overrides)) == {"keep_ratio", "prune_at", "score", "rivals"}
    spec = plan_of(config).executor
    assert (spec.target, dict(spec.parameters)) == ("mypkg.Halve", {"step": 2})


def test_parameters_stay_when_the_class_was_not_overridden() -> None:
    config = compose_config(["executor.keep_ratio=0.5"])
    assert drop_foreign_parameters(config, ["executor.keep_ratio=0.5"]) == ()
    assert dict(plan_of(config).executor.parameters)["keep_ratio"] == 0.5


def test_a_users_file_that_a_packaged_one_hides_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "executor").mkdir()
    (tmp_path / "executor" / "identity.yaml").write_text("_target_: mypkg.Mine\n")
    with pytest.raises(PlanError, match=r"identity\.yaml is shadowed by ACE's own"):
        refuse_shadowed([SimpleNamespace(schema="file", path=str(tmp_path))])


def test_a_users_file_of_a_new_name_is_welcome(tmp_path: Path) -> None:
    (tmp_path / "executor").mkdir()
    (tmp_path / "executor" / "halve.yaml").write_text("_target_: mypkg.Halve\n")
    refuse_shadowed([SimpleNamespace(schema="file", path=str(tmp_path))])


@pytest.mark.parametrize("policy", ["near_term", "exploratory", "strict"])
def test_every_packaged_policy_is_valid(policy: str) -> None:
    assert policy_of(compose_config([f"policy={policy}"])).name == policy


@pytest.mark.parametrize("protocol", ["quick", "standard", "rigorous"])
def test_every_packaged_protocol_is_valid(protocol: str) -> None:
    assert plan_of(compose_config([f"protocol={protocol}"])).protocol.name == protocol


def test_no_packaged_configuration_key_is_unread() -> None:
    """plan_of, settings_of and policy_of refuse unknown keys, so a key that nothing reads cannot hide in a file."""
    for model in ("minilm", "encoder"):
        for split in ("development", "validation"):
            config = compose_config([f"model={model}", f"split={split}"])
            plan_of(config), settings_of(config), policy_of(config)


def test_where_things_are_kept_is_no_part_of_the_plan() -> None:
    here, there = compose_config([]), compose_config(["tracking.root=/elsewhere", "cache_dir=/other"])
    assert plan_of(here).digest == plan_of(there).digest
    assert settings_of(there).root == Path("/elsewhere")
    assert OmegaConf.is_dict(here)


def test_a_number_that_is_none_is_refused_in_an_executor() -> None:
    with pytest.raises(PlanError, match=r"executor\.keep_ratio=nan is refused"):
        plan_of(compose_config(["executor.keep_ratio=nan"]))


def test_an_executor_given_as_one_piece_is_refused_because_its_old_parameters_would_stay() -> None:
    with pytest.raises(PlanError, match="one key at a time"):
        drop_foreign_parameters(compose_config([]), ["executor={_target_: mypkg.Halve}"])


def test_the_experiment_named_null_can_be_selected_as_written() -> None:
    assert plan_of(compose_config(["experiment=null"])).experiment == "null"


@pytest.mark.parametrize("key", ["tracking.root", "cache_dir"])
def test_a_folder_in_ones_home_is_meant_where_a_shell_would_mean_it(key):
    settings = settings_of(compose_config([f'{key}="~/there"']))
    assert Path.home() / "there" in (settings.root, settings.cache)


def test_a_store_without_a_folder_is_refused():
    with pytest.raises(PlanError, match=r"tracking\.root"):
        settings_of(compose_config(["tracking.root=''"]))


@pytest.mark.parametrize("name", [".", "..", "-x", "a/b", ""])
def test_a_name_that_is_another_folder_or_an_option_is_no_experiment(name):
    with pytest.raises(PlanError, match=r"experiment\.name"):
        experiment_name(compose_config([f"experiment.name='{name}'"]))


@pytest.mark.parametrize("key", ["tracking.root", "cache_dir"])
def test_no_folder_is_named_none(key: str) -> None:
    with pytest.raises(PlanError, match=f"{key}=None is refused"):
        settings_of(compose_config([f"{key}=null"]))


@pytest.mark.parametrize("group", ["executor", "split", "model", "protocol"])
def test_null_is_no_option_of_a_group_and_hydra_says_so(group: str) -> None:
    with pytest.raises(ConfigCompositionException, match=f"Could not find '{group}/null'"):
        compose_config([f"{group}=null"])


@pytest.mark.parametrize("override", ["experiment.name=mine", "experiment=null", "++experiment.name=mine"])
def test_a_command_that_has_its_experiment_takes_no_other(override: str) -> None:
    with pytest.raises(PlanError, match="this command's experiment is calibration"):
        refuse_renamed(["seq_len=64", override], "calibration")
    refuse_renamed(["seq_len=64"], "calibration")


def test_the_holdout_is_sealed() -> None:
    refuse_sealed(plan_of(compose_config([])))
    with pytest.raises(PlanError, match="split=holdout is sealed"):
        refuse_sealed(plan_of(compose_config(["split=holdout"])))


def test_natural_inputs_bring_the_baseline_without_padding_as_a_rival() -> None:
    plan = plan_of(compose_config(["inputs=natural", "executor.rivals=null"]))
    assert plan.benchmark.inputs == "natural"
    roles = {"compiled": "compiler", "unpadded": "unpadded", "length_bucketed": "unpadded"}
    assert {rival.name: rival.role for rival in plan.rivals} == roles
    with pytest.raises(PlanError, match=r"inputs\.name=ragged is refused; allowed: exact, natural"):
        plan_of(compose_config(["inputs.name=ragged"]))


def test_every_idea_is_timed_beside_the_compiled_baseline_and_the_compiler_is_no_rival_of_itself() -> None:
    for choice in ("identity", "token_pruning", "low_rank"):
        assert "compiler" in {rival.role for rival in plan_of(compose_config([f"executor={choice}"])).rivals}
    assert plan_of(compose_config(["executor=compiler_fusion"])).rivals == ()
    assert plan_of(compose_config(["executor.rivals=null", "inputs.rivals=null"])).rivals == ()
    assert plan_of(compose_config(["split=validation"])).rivals == ()


def test_a_model_that_leaves_its_sizes_open_says_them_itself(tmp_path: Path) -> None:
    model = folder(tmp_path / "model")
    plan = plan_of(compose_config(["model=hf", f"model.name={model}"]))
    assert (plan.model.name, plan.model.hidden, plan.model.depth) == (str(model), 32, 3)
    assert (plan.model.heads, plan.model.positions) == (4, 64)
    assert (plan.shape.hidden, plan.shape.depth) == (32, 3)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([], "model.name=None is refused; allowed: a local folder"),
        (["model.name=nowhere/at/all"], "model.name=nowhere/at/all is refused: there is no such folder"),
        (["model.name={}", "seq_len=65"], "seq_len=65 is refused; allowed: at most 64, the positions of model"),
        (["model.name={}", "hidden=64"], "hidden=64 is refused; allowed: 32, the size of"),
        (["model.name={}", "model.positions=512"], "model.positions=512 is refused; allowed: 64, that of"),
        (["model.name={}", "model.revision=main"], "model.revision=main is refused; allowed: null"),
        (["model=minilm", "+model.revision=main"], "model.revision=main is refused; allowed: null: minilm has one"),
    ],
)
def test_a_model_that_says_its_sizes_itself_takes_no_others(tmp_path: Path, overrides: list[str], said: str) -> None:
    model = folder(tmp_path / "model")
    with pytest.raises(PlanError, match=said):
        plan_of(compose_config(["model=hf", *(override.format(model) for override in overrides)]))


def test_validation_asks_how_alike_people_find_documents_beside_its_own_benchmark() -> None:
    plan = plan_of(compose_config(["split=validation"]))
    assert [(spec.name, spec.metric, spec.margin) for spec in plan.further] == [
        ("lee-human-similarity", "human_similarity", 0.03)
    ]
    assert plan.benchmark.development == "ace.benchmarks.newsgroups.train"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["split.slices=[author]"], r"split.slices=author is refused; allowed: class, length"),
        (["+split.margin=1.5"], r"split.margin=1.5 is refused; allowed: a fraction"),
        (["+split.further={a:{benchmark:b}}"], r"split.further.a._target_=missing is refused"),
        (["+split.further={a:{bench:b}}"], r"split.further.a.bench is not a key ACE knows"),
        (["+split.further=[a]"], r"split.further=\['a'\] is refused"),
    ],
)
def test_a_benchmark_that_cannot_be_asked_is_refused_by_its_key(overrides: list[str], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        plan_of(compose_config(overrides))


@pytest.mark.parametrize("scopes", ["[speed,memory]", "[speed,energy,ecd]"])
def test_what_is_to_be_claimed_can_be_said_on_the_command_line_and_stays_said(scopes: str) -> None:
    plan = plan_of(compose_config([f"experiment.scopes={scopes}"]))
    assert list(plan.scopes) == scopes.strip("[]").split(",")
    again = [word.strip("'") for word in measure(plan, None, "development", [plan.shape]).split() if "scopes" in word]
    assert plan_of(compose_config(again)).scopes == plan.scopes


@pytest.mark.parametrize("name", ["none", "auto", "nvml", "nvidia_smi", "rapl", "override", "modelled"])
def test_every_packaged_telemetry_is_valid_and_its_command_lands_in_the_same_plan(name: str) -> None:
    plan = plan_of(compose_config([f"telemetry={name}"]))
    assert plan.telemetry.name == name
    again = [word for word in measure(plan, None, "development", [plan.shape]).split() if word.startswith("telemetry")]
    assert plan_of(compose_config(again)).telemetry == plan.telemetry
    assert len(again) == (0 if name == "auto" else 1)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("telemetry.relative_error=0", "telemetry.relative_error=0.0 is refused"),
        ("telemetry.tdp_w=-1", "telemetry.tdp_w=-1.0 is refused"),
        ("telemetry.name=zeus", "telemetry.name=zeus is refused"),
        ("+telemetry.grade=DEVICE_COUNTER", "telemetry.grade is not a key ACE knows"),
    ],
)
def test_an_impossible_telemetry_is_refused_by_its_key_and_no_grade_can_be_set(override: str, said: str) -> None:
    with pytest.raises(PlanError, match=re.escape(said)):
        plan_of(compose_config([override]))


@pytest.mark.parametrize(
    "uri", ["http://ace:hush@host:5000", "postgresql+psycopg://ace:hush@host/mlflow", "postgresql://host/db?password=hush"]
)
def test_a_password_in_the_address_of_a_store_is_refused_without_repeating_it(uri: str) -> None:
    with pytest.raises(PlanError, match="MLFLOW_TRACKING_PASSWORD") as refused:
        settings_of(compose_config([f"tracking.uri='{uri}'"]))
    assert "hush" not in str(refused.value)
    with pytest.raises(PlanError, match=r"holds a password"):
        refuse_password(["seq_len=64", f"++tracking.uri='{uri}'"])


def test_a_server_is_taken_from_the_environment_as_mlflow_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert settings_of(compose_config(["tracking=server"])).tracking_uri == "http://127.0.0.1:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    assert settings_of(compose_config(["tracking=server"])).tracking_uri == "https://mlflow.example.org"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ace:hush@mlflow.example.org")
    with pytest.raises(PlanError, match="holds a password"):
        settings_of(compose_config(["tracking=server"]))


@pytest.mark.parametrize("wait", ["-1", "soon", "null", "true"])
def test_a_wait_for_the_device_that_is_no_time_is_refused(wait: str) -> None:
    with pytest.raises(PlanError, match=r"device_wait_s=.* is refused; allowed: seconds, 0 or more"):
        settings_of(compose_config([f"device_wait_s={wait}"]))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("replicat=2", "replicat is not a key ACE knows (did you mean replicate?); allowed: "),
        ("protocol.sesions=2", "is not a key ACE knows (did you mean sessions?); allowed in protocol: "),
        ("executor.keep=0.5", "; what your own class takes: +executor.keep=..."),
        ("nothing.at.all=1", "nothing.at.all is not a key ACE knows; allowed in nothing.at: nothing."),
        ("seq_len.x=1", "seq_len.x is not a key ACE knows; allowed in seq_len: nothing."),
    ],
)
def test_an_unknown_key_is_told_with_what_is_allowed_in_its_place(override, said):
    with pytest.raises(ConfigCompositionException) as refused:
        compose_config([override])
    assert said in told(refused.value)


def test_any_other_error_is_told_as_it_is():
    assert told(ValueError("Could not do it")) == "Could not do it"
