"""The compiled rival: really compiled, in a process of its own, and loaded again by whoever comes later."""

import copy
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from ace.domain.workload import Batch
from ace.errors import MeasurementError, PlanError
from ace.executors import ahead_building, ahead_keys, compiled_ahead
from ace.executors.compiled_ahead import CompiledAhead
from ace.measure.arms import state_digest
from tests.unit.executors.tiny import batch, encoder

REPOSITORY = Path(__file__).resolve().parents[2]
LATER = """
import sys, time, torch
from ace.executors import compiled_ahead
from tests.unit.executors.tiny import batch, encoder

def refuse(*_):
    raise SystemExit("compiled again")

torch.set_num_threads(1)
compiled_ahead.make = refuse
model, inputs = encoder(depth=1), batch()
start = time.perf_counter()
candidate = compiled_ahead.CompiledAhead().prepare(model, inputs)
print(time.perf_counter() - start, "torch._inductor" in sys.modules, "torch._dynamo" in sys.modules)
"""


class DataDependent(nn.Module):
    """What no graph can hold: a decision on the data."""

    def forward(self, ids, mask):
        return ids.float() if ids.sum() > 0 else mask.float()


class WithConstant(nn.Module):
    """A tensor that is neither parameter nor buffer, and no limit to the number of tokens."""

    def forward(self, ids, mask):
        return (ids.float() * mask)[:, :10] * torch.arange(10.0).sin() * torch.tensor([[2.0, 3.0] * 5])


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for all, and one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACE_CACHE_DIR", str(folder))
        yield folder / "compiled"
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return encoder(depth=1)


@pytest.fixture(scope="module")
def first(model: nn.Module, home: Path) -> tuple[nn.Module, float, Path]:
    """The module, the seconds that the one who compiles pays, and the entry."""
    start = time.perf_counter()
    candidate = CompiledAhead().prepare(model, batch())
    seconds = time.perf_counter() - start
    (entry,) = home.iterdir()
    return candidate, seconds, entry


@pytest.fixture
def no_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(compiled_ahead, "make", refuse)


def call(module: nn.Module, inputs: Batch) -> torch.Tensor:
    with torch.inference_mode():
        return module(inputs.ids.clone(), inputs.mask.clone())


def key(model: nn.Module, inputs: Batch, dynamic: bool = False) -> str:
    return ahead_keys.key_of(model, (inputs.ids, inputs.mask), dynamic)


@pytest.mark.parametrize(("seed", "padding"), [(1, 0), (2, 5)])
def test_compiled_ahead_computes_what_the_model_does(model, first, seed, padding):
    inputs = batch(seed=seed, padding=padding)
    torch.testing.assert_close(call(first[0], inputs), call(model, inputs), rtol=1e-5, atol=1e-6)


def test_inputs_that_do_not_lie_in_one_piece_are_read_right(model, first):
    wide = batch(tokens=40)
    part = Batch(wide.ids[:, ::2], wide.mask[:, ::2])
    with torch.inference_mode():
        torch.testing.assert_close(first[0](part.ids, part.mask), call(model, part), rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("no_compiling")
def test_the_arm_has_weights_of_its_own_and_leaves_the_model_alone(model, first):
    before = state_digest(model)
    again = CompiledAhead().prepare(model, batch())
    assert state_digest(model) == before
    addresses = [{p.data_ptr() for p in arm.parameters()} for arm in (model, first[0], again)]
    assert not addresses[0] & addresses[1]
    assert not addresses[1] & addresses[2]
    with torch.no_grad():
        for weight in again.parameters():
            weight.zero_()
    assert not torch.equal(call(again, batch()), call(model, batch()))  # they are the ones that it computes with


def test_another_process_loads_what_the_first_compiled_and_imports_no_compiler(first):
    _, compiled_s, entry = first
    before = entry.stat()
    said = subprocess.run(
        [sys.executable, "-c", LATER], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert said.returncode == 0, said.stderr
    seconds, *imported = said.stdout.split()
    assert imported == ["False", "False"]
    assert float(seconds) < compiled_s / 8
    assert entry.stat().st_mtime_ns == before.st_mtime_ns


def test_compiling_leaves_the_entry_and_nothing_else(home, first):
    assert [place.name for place in home.iterdir()] == [first[2].name]
    assert not [file for file in first[2].iterdir() if file.suffix in (".cpp", ".o", ".pt2")]


@pytest.mark.parametrize("damage", [b"", b"\x7fELF"])
def test_a_damaged_entry_is_made_again(model, home, first, monkeypatch, damage, tmp_path):
    kept = tmp_path / "kept"
    shutil.copytree(first[2], kept)
    runs = compiled_by_copying(kept, monkeypatch)
    library = next(first[2].glob("*.so"))
    library.unlink()  # not overwritten in place: this process runs it
    library.write_bytes(damage)
    candidate = CompiledAhead().prepare(model, batch())
    assert len(runs) == 1
    torch.testing.assert_close(call(candidate, batch()), call(model, batch()), rtol=1e-5, atol=1e-6)
    assert [place.name for place in home.iterdir()] == [first[2].name]


def test_an_entry_that_is_whole_but_computes_something_else_is_not_used(model, first, monkeypatch, tmp_path):
    kept = tmp_path / "kept"
    shutil.copytree(first[2], kept)
    runs = compiled_by_copying(kept, monkeypatch)
    monkeypatch.setattr(compiled_ahead, "TOLERANCES", {torch.float32: -1.0})
    with pytest.raises(MeasurementError, match="does not compute what the model computes -- nothing was timed"):
        CompiledAhead().prepare(model, batch())
    assert len(runs) == 1


def test_whoever_is_later_takes_what_another_process_has_put_there(model, first, monkeypatch, tmp_path):
    kept = tmp_path / "kept"
    shutil.copytree(first[2], kept)
    shutil.rmtree(first[2])
    compiled_by_copying(kept, monkeypatch, also=first[2])
    candidate = CompiledAhead().prepare(model, batch())
    torch.testing.assert_close(call(candidate, batch()), call(model, batch()), rtol=1e-5, atol=1e-6)


def compiled_by_copying(kept: Path, monkeypatch: pytest.MonkeyPatch, also: Path | None = None) -> list[Path]:
    """In place of the compiling process one that is quick; `also`: where a second one has just finished."""
    runs: list[Path] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        part = Path(command[-1])
        runs.append(part)
        for place in (part / "entry", also):
            if place is not None:
                shutil.copytree(kept, place)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(ahead_building.subprocess, "run", run)
    return runs


def test_the_key_is_the_same_for_the_same_and_another_for_whatever_the_library_depends_on(model, monkeypatch):
    same = key(model, batch())
    assert key(copy.deepcopy(model), batch(seed=3, padding=4)) == same
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.layers[0].feed_forward.norm.bias[0] += 1e-6
    setting = copy.deepcopy(model)
    setting.layers[0].attention.norm.eps = 1e-5
    keys = [
        same,
        key(other, batch()),
        key(setting, batch()),
        key(encoder(depth=2), batch()),
        key(copy.deepcopy(model).double(), batch()),
        key(model, batch(tokens=21)),
        key(model, batch(size=2)),
        key(model, batch(), dynamic=True),
    ]
    for name, value in (("settings_here", 2), ("_compiler", None), ("_processor", "another"), ("LAYOUT", 0)):
        with monkeypatch.context() as patch:
            patch.setattr(ahead_keys, name, value if name == "LAYOUT" else lambda value=value: value)
            keys.append(key(model, batch()))
    with monkeypatch.context() as patch:
        began = ahead_keys.started_with()
        patch.setattr(ahead_keys, "started_with", lambda: began | {"TORCHINDUCTOR_FREEZING": "1"})
        keys.append(key(model, batch()))
    with monkeypatch.context() as patch:  # what a candidate sets does not reach the compiler, nor the name
        patch.setenv("ATEN_CPU_CAPABILITY", "default")
        assert key(model, batch()) == same
        assert "ATEN_CPU_CAPABILITY" not in ahead_keys.started_with()
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "0.0")
        keys.append(key(model, batch()))
    assert len(set(keys)) == len(keys)


def test_the_order_of_a_set_which_is_another_one_in_every_process_makes_no_other_key(model):
    one, same, other = (copy.deepcopy(model) for _ in range(3))
    one.kinds, same.kinds, other.kinds = {0, 8}, {8, 0}, {0, 9}
    assert list(one.kinds) != list(same.kinds)
    assert key(one, batch()) == key(same, batch()) != key(other, batch())


def test_the_key_covers_the_code_that_the_model_calls(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "parted_model.py").write_text(
        "from torch import nn\nfrom parted_help import half\n"
        "class Halved(nn.Module):\n    def forward(self, ids, mask):\n        return half(ids * mask)\n"
    )
    (tmp_path / "parted_help.py").write_text("def half(x):\n    return x / 2\n")
    import parted_model

    before = key(parted_model.Halved(), batch())
    (tmp_path / "parted_help.py").write_text("def half(x):\n    return x / 2.0\n")
    assert key(parted_model.Halved(), batch()) != before


@pytest.mark.parametrize(
    ("inputs", "given"),
    [
        (batch(tokens=24), "3 x 24"),
        (batch(size=2), "2 x 20"),
        (Batch(batch().ids, batch().mask[:, :7]), "3 x 20 and 3 x 7"),
    ],
)
def test_another_shape_is_refused_and_not_compiled_for(first, inputs, given):
    said = rf"compiled ahead for batch x tokens = 3 x 20, given {given}; use executor.dynamic=true"
    with pytest.raises(MeasurementError, match=said):
        call(first[0], inputs)


def test_a_dynamic_library_takes_every_length_that_the_model_takes_whatever_the_example(model, monkeypatch):
    candidate = CompiledAhead(dynamic=True).prepare(model, batch())
    for tokens in (2, 3, 20, 33, 64):
        inputs = batch(tokens=tokens, padding=1)
        torch.testing.assert_close(call(candidate, inputs), call(model, inputs), rtol=1e-5, atol=1e-6)
    for inputs in (batch(tokens=65), batch(tokens=1), batch(size=4)):
        with pytest.raises(MeasurementError, match=r"tokens = 3 x 2\.\.64, given .* the batch is fixed"):
            call(candidate, inputs)
    monkeypatch.setattr(compiled_ahead, "make", None)  # calling it would raise
    assert call(CompiledAhead(dynamic=True).prepare(model, batch(tokens=50)), batch(tokens=7)).shape == (3, 32)


def test_a_model_that_cannot_be_exported_has_failed_to_compile_and_is_not_called_slow(home):
    before = sorted(home.iterdir())
    said = r"compilation ahead of time failed with executor.dynamic=false: GuardOnDataDependent.* nothing was timed"
    with pytest.raises(MeasurementError, match=said) as caught:
        CompiledAhead().prepare(DataDependent(), batch())
    assert "\n" not in str(caught.value)
    assert sorted(home.iterdir()) == before


def test_a_model_that_no_other_process_could_know_again_is_refused():
    class Local(nn.Module):
        def forward(self, ids, mask):
            return (ids * mask).float()

    with pytest.raises(MeasurementError, match=r"no other process could know it again .*compiler_fusion"):
        CompiledAhead().prepare(Local(), batch())


def test_a_folder_that_cannot_be_written_is_named(model, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ACE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(MeasurementError, match=r"cannot be written .* point ACE_CACHE_DIR"):
        CompiledAhead().prepare(model, batch())


def test_what_a_killed_compilation_left_is_cleared_away(home, monkeypatch):
    left = home / "left.part"
    left.mkdir(parents=True)
    ahead_building._part_folder(home / "entry").rmdir()
    assert left.exists()  # it may still be running
    monkeypatch.setattr(ahead_building, "LEFTOVER_S", -1.0)
    ahead_building._part_folder(home / "entry").rmdir()
    assert not left.exists()


def test_a_switch_that_is_neither_on_nor_off_is_refused_by_its_key():
    with pytest.raises(PlanError, match=r"executor.dynamic=1 is refused; allowed: true, false"):
        CompiledAhead(dynamic=1)


def test_a_compiled_arm_may_have_other_attention_kernels_and_nothing_else():
    work = CompiledAhead().declares(batch())
    assert (work.tokens_per_layer, work.changes) == (None, ("kernels",))


@pytest.mark.slow
def test_constants_that_are_no_weights_are_kept_with_the_library_and_no_limit_is_made_up():
    candidate = CompiledAhead(dynamic=True).prepare(WithConstant(), batch())
    for inputs in (batch(seed=4), batch(tokens=1000)):
        torch.testing.assert_close(call(candidate, inputs), call(WithConstant(), inputs), rtol=1e-6, atol=0)
    with pytest.raises(MeasurementError, match=r"tokens = 3 x 10\.\."):
        call(candidate, batch(tokens=9))


@pytest.mark.slow
def test_a_missing_compiler_is_a_failed_compilation(model, monkeypatch):
    began = ahead_keys.started_with() | {"CXX": "no-such-compiler"}
    for module in (ahead_keys, ahead_building):
        monkeypatch.setattr(module, "started_with", lambda: began)
    with pytest.raises(MeasurementError, match=r"No working C\+\+ compiler.* install g\+\+"):
        CompiledAhead().prepare(model, batch())
