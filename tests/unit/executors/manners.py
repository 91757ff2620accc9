"""What every executor owes the harness, in one place for the tests of each."""

import copy

import torch
from torch import nn

from ace.domain.workload import Batch
from tests.unit.executors.tiny import batch, encoder


def prepared(executor, model: nn.Module, example: Batch) -> nn.Module:
    """As the harness prepares: an executor that can be calibrated is, first, on other documents."""
    if hasattr(executor, "calibrate"):
        documents, untouched = (batch(size=6, padding=3, seed=7) for _ in "ab")
        executor.calibrate(model, documents)
        assert torch.equal(documents.ids, untouched.ids)
        assert torch.equal(documents.mask, untouched.mask)
    return executor.prepare(model, example)


def assert_good_manners(executor) -> nn.Module:
    """Calibrating and preparing leave model and example as they were, share no memory, and make the same module each
    time; the module computes the same each time, its deepcopy too, and changes no input.  Returns the module."""
    model, inputs = encoder(), batch(padding=3)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    given = Batch(inputs.ids.clone(), inputs.mask.clone())
    candidate = prepared(executor, model, given)
    with torch.inference_mode():
        first = candidate(given.ids, given.mask)
        outputs = [made(given.ids, given.mask) for made in (candidate, copy.deepcopy(candidate))]
        outputs.append(prepared(executor, model, given)(given.ids, given.mask))
    assert all(torch.equal(first, other) for other in outputs)
    assert first.shape == (3, 32)
    assert first.dtype is torch.float32
    assert torch.equal(given.ids, inputs.ids)
    assert torch.equal(given.mask, inputs.mask)
    assert not {p.data_ptr() for p in model.parameters()} & {p.data_ptr() for p in candidate.parameters()}
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert sum(p.numel() for p in candidate.parameters()) == sum(p.numel() for p in model.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    return candidate


def assert_company_is_ignored(executor) -> None:
    """An example is embedded the same whatever stands beside it."""
    inputs = batch(size=4)
    candidate = prepared(executor, encoder(), inputs)
    together = candidate(inputs.ids, inputs.mask)
    alone = torch.cat([candidate(inputs.ids[i : i + 1], inputs.mask[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
