"""Which board the arms run on, asked of a stand-in for torch: no test here has met a real one."""

from types import SimpleNamespace

import pytest

from ace.domain.energy import EnergyPlan
from ace.measure.device import Place, place_of
from ace.measure.sources import chosen_sources
from tests.unit.measure.test_energy import ports


def library(*uuids, hip=None, current=0):
    cuda = SimpleNamespace(
        current_device=lambda: current,
        get_device_properties=lambda index: SimpleNamespace(**({"uuid": uuids[index]} if uuids else {})),
    )
    return SimpleNamespace(cuda=cuda, version=SimpleNamespace(hip=hip))


def test_the_processor_is_no_board():
    assert place_of("cpu") == place_of() == Place(None, None)


@pytest.mark.parametrize("given", ["11111111-aaaa", "GPU-11111111-aaaa"])
def test_a_board_has_the_name_that_nvml_gives_it(given):
    assert place_of("cuda", library(given)).board_uuid == "GPU-11111111-aaaa"


def test_torch_counts_the_boards_that_are_shown_so_its_number_is_not_nvmls():
    assert place_of("cuda:1", library("a", "b")).board_uuid == "GPU-b"
    assert place_of("cuda", library("a", "b", current=1)).board_uuid == "GPU-b"


def test_a_torch_that_does_not_say_leaves_the_board_open():
    assert place_of("cuda", library()) == Place(None, None)


@pytest.mark.parametrize(
    ("device", "torch", "said"),
    [("cuda", library("x", hip="6.2"), "AMD"), ("mps", library(), "Apple"), ("xpu:0", library(), "xpu:0")],
)
def test_another_makers_device_is_timed_and_energy_says_why_it_is_not_known(device, torch, said):
    place = place_of(device, torch)
    device_chain, host_chain = chosen_sources(EnergyPlan("auto"), ports(unmetered=place.unmetered))
    refused = {t.source: t for t in device_chain.tried}
    for source in ("nvml_counter", "nvml_power", "nvidia_smi"):
        assert refused[source].reason == "no source"
        assert said in refused[source].detail
    assert (device_chain.source, host_chain.source) == (None, None)
