import gc
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import ace.measure.session  # noqa: F401  what is sealed must be loaded
from ace.measure import company, timing
from ace.measure.seal import MEASURING, replaced, seal, state_changed
from ace.models import encoder


def test_every_sealed_name_is_there_and_nothing_changed_is_reported_as_nothing():
    before = seal()
    assert [name for name, (found, _) in before.functions.items() if found is None] == []
    assert (replaced(before, MEASURING), replaced(before, before.through), state_changed(before)) == ((), (), ())


def test_a_replaced_function_is_named(monkeypatch):
    before = seal()
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    monkeypatch.setattr(torch.nn.functional, "linear", lambda *_: None)
    assert replaced(before, MEASURING) == ("time.perf_counter",)
    assert replaced(before, before.through) == ("torch.nn.functional.linear",)


def test_code_of_the_baselines_model_that_was_replaced_is_named_function_or_method(monkeypatch):
    before = seal()
    monkeypatch.setattr(encoder, "masked_mean", lambda x, mask: x[:, 0])
    monkeypatch.setattr(encoder.FeedForward, "forward", lambda self, x: x)
    assert replaced(before, before.through) == (
        "ace.models.encoder.FeedForward.forward",
        "ace.models.encoder.masked_mean",
    )


def test_a_function_with_other_code_is_named(monkeypatch):
    before = seal()
    monkeypatch.setattr(timing.time_calls, "__code__", (lambda module, batches, clocks: (1.0, 1.0, [])).__code__)
    assert replaced(before, MEASURING) == ("ace.measure.timing.time_calls",)


def test_clocks_patched_after_the_timer_was_loaded_do_not_reach_it(monkeypatch):
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    assert timing.CPU_CLOCKS.wall() > 0


def test_a_changed_setting_is_named_with_both_values():
    before, was = seal(), torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert f"float32 matmul precision: {was} -> medium" in state_changed(before)
    finally:
        torch.set_float32_matmul_precision(was)


def test_a_hook_on_all_modules_is_a_changed_setting():
    before = seal()
    handle = torch.nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert state_changed(before) == ("hooks on all modules: 0 -> 1",)
    finally:
        handle.remove()


def test_whatever_can_be_called_of_a_tensor_or_a_module_is_sealed_not_a_list_of_it(monkeypatch):
    before = seal()
    monkeypatch.setattr(torch.Tensor, "clamp", lambda tensor, *_, **__: tensor)
    monkeypatch.setattr(torch, "where", lambda *_: None)
    monkeypatch.setattr(torch.nn.Softmax, "forward", lambda _, tensor: tensor)
    assert set(replaced(before, before.through)) == {"torch.Tensor.clamp", "torch.where", "torch.nn.Softmax.forward"}


class SeesFunctions(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


class SeesDispatch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def test_a_mode_that_sees_every_call_of_torch_is_a_changed_setting():
    before = seal()
    with SeesFunctions(), SeesDispatch():
        changed = state_changed(before)
    assert changed == ("torch function modes: 0 -> 1", "torch dispatch modes: 0 -> 1")


def test_what_runs_at_collections_signals_and_timers_is_a_changed_setting(monkeypatch):
    before, thresholds = seal(), gc.get_threshold()
    monkeypatch.setattr(gc, "callbacks", [*gc.callbacks, print])
    gc.set_threshold(5)
    handler = signal.signal(signal.SIGVTALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_VIRTUAL, 1000.0, 1000.0)
    try:
        changed = [text.split(":")[0] for text in state_changed(before)]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)
        gc.set_threshold(*thresholds)
    assert changed == ["collection thresholds", "called at collections", "signal handlers", "timers"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are looked at by their CPU time")
def test_what_a_child_spends_between_two_looks_is_counted_while_it_lives_and_after_it_ended():
    before = company.look_around()
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        end = time.monotonic() + 20
        while company.children_s(before, company.look_around()) < 0.1:
            assert time.monotonic() < end
            time.sleep(0.02)
        seen = company.look_around()
        assert any("python" in name for name in seen.names)
        alive = company.children_s(before, seen)
    finally:
        child.kill()
        child.wait()
    assert company.children_s(before, company.look_around()) >= alive - 0.05
    assert company.children_s(seen, company.look_around()) < 5.0
