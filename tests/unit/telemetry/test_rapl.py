import time

import pytest

from ace.domain.energy import MIRRORED, EnergyPlan, Grade, Scope, supports_claim
from ace.telemetry import Ports, Refused, choose
from ace.telemetry.rapl import open_rapl, read_text
from ace.telemetry.sampling import Sampler, thread_every

RANGE_UJ = 262_143_328_850


class Tree:
    """A powercap tree: zones are folders of the root, children folders of their zone and linked from the root."""

    def __init__(self, root):
        self.root = root

    def zone(self, name, what, energy_uj, range_uj=RANGE_UJ):
        parent, _, child = name.rpartition(":")
        folder = self.root / parent / name if parent.count(":") == 1 else self.root / name
        folder.mkdir(parents=True)
        (folder / "name").write_text(what + "\n")
        (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
        (folder / "energy_uj").write_text(f"{energy_uj}\n")
        if parent.count(":") == 1 and child:
            (self.root / name).symlink_to(folder)
        return folder

    def write(self, folder, energy_uj):
        (folder / "energy_uj").write_text(f"{energy_uj}\n")

    def open(self, text_of=read_text):
        return open_rapl(self.root, text_of, "linux")


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def reason(call):
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.reason


def test_two_sockets_and_their_memory_are_added_and_parts_of_a_package_are_not(tree):
    for socket in (0, 1):
        tree.zone(f"intel-rapl:{socket}", f"package-{socket}", 1_000_000 * (socket + 1))
        tree.zone(f"intel-rapl:{socket}:0", "core", 50_000_000)
        tree.zone(f"intel-rapl:{socket}:1", "dram", 100_000)
    meter = tree.open()
    assert meter.read(1.0) == pytest.approx(3.2)
    assert meter.description.device_name == "package-0 + package-1 + dram + dram"
    assert (meter.description.grade, meter.description.scope) == (Grade.HOST_COUNTER, Scope.HOST)


def test_psys_and_the_mmio_copy_of_a_package_are_not_added_again(tree):
    tree.zone("intel-rapl:0", "package-0", 7_000_000)
    tree.zone("intel-rapl:1", "psys", 90_000_000)
    tree.zone("intel-rapl-mmio:0", "package-0", 7_000_100)
    assert tree.open().read(1.0) == pytest.approx(7.0)


def test_dies_that_mirror_one_counter_are_counted_once_and_flagged(tree):
    tree.zone("intel-rapl:0", "package-0-die-0", 123_456_000_000)
    tree.zone("intel-rapl:1", "package-0-die-1", 123_456_030_000)
    meter = tree.open()
    assert meter.read(1.0) == pytest.approx(123_456.0)
    assert meter.description.flags == (MIRRORED,)


def test_dies_with_counters_of_their_own_are_added(tree):
    tree.zone("intel-rapl:0", "package-0-die-0", 123_000_000_000)
    tree.zone("intel-rapl:1", "package-0-die-1", 118_000_000_000)
    meter = tree.open()
    assert meter.read(1.0) == pytest.approx(241_000.0)
    assert meter.description.flags == ()


def test_sockets_that_happen_to_have_used_the_same_are_two(tree):
    tree.zone("intel-rapl:0", "package-0", 5_000_000)
    tree.zone("intel-rapl:1", "package-1", 5_000_000)
    assert tree.open().read(1.0) == pytest.approx(10.0)


def test_a_counter_that_turns_over_goes_on(tree):
    zone = tree.zone("intel-rapl:0", "package-0", RANGE_UJ - 1_000_000)
    meter = tree.open()
    first = meter.read(10.0)
    tree.write(zone, 2_000_000)
    second = meter.read(10.1)
    tree.write(zone, 5_000_000)
    assert second - first == pytest.approx(3.0)
    assert meter.read(10.2) - first == pytest.approx(6.0)


def test_a_counter_that_was_reset_has_not_turned_over(tree):
    zone = tree.zone("intel-rapl:0", "package-0", 100_000_000_000)
    meter = tree.open()
    meter.read(10.0)
    tree.write(zone, 0)
    assert reason(lambda: meter.read(10.1)) == "counter reset"


def test_only_root_may_read_and_that_is_said_with_what_to_do(tree):
    tree.zone("intel-rapl:0", "package-0", 1)

    def forbidden(path):
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path)

    with pytest.raises(Refused, match="only root may read it") as refused:
        tree.open(forbidden)
    assert refused.value.reason == "no permission"


def test_a_zone_that_vanishes_is_not_zero(tree):
    zone = tree.zone("intel-rapl:0", "package-0", 1_000_000)
    meter = tree.open()
    (zone / "energy_uj").unlink()
    assert reason(lambda: meter.read(1.0)) == "source vanished"


@pytest.mark.parametrize("text", ["", "garbage", "-5", "1.5", "nan", "0x12", "12 34"])
def test_what_is_no_count_is_garbage(tree, text):
    zone = tree.zone("intel-rapl:0", "package-0", 1_000_000)
    (zone / "energy_uj").write_text(text)
    assert reason(tree.open) == "garbage"


def test_bytes_that_are_no_text_are_garbage(tree):
    zone = tree.zone("intel-rapl:0", "package-0", 1_000_000)
    (zone / "energy_uj").write_bytes(b"\xff\xfe\x00")
    assert reason(tree.open) == "garbage"


def test_no_powercap_no_package_and_no_linux_are_three_reasons_in_words(tree, tmp_path):
    assert reason(lambda: open_rapl(tmp_path / "none", read_text, "linux")) == "not supported"
    tree.zone("intel-rapl:0", "psys", 1)
    assert reason(tree.open) == "not supported"
    for system in ("darwin", "win32"):
        assert reason(lambda: open_rapl(tmp_path, read_text, system)) == "not this system"  # noqa: B023


def test_the_host_chain_stands_beside_the_device_chain_and_supports_work_on_the_host(tree):
    tree.zone("intel-rapl:0", "package-0", 1_000_000)
    ports = Ports({}, "/nonexistent/nvml", ("/nonexistent/smi",), tree.root, read_text, "linux", 4, lambda: 0.0)
    device, host = choose(EnergyPlan("auto"), ports)
    assert (device.grade, host.grade) == (Grade.NONE, Grade.HOST_COUNTER)
    assert supports_claim(host, Scope.HOST, ()) is None
    assert "work is done on the device" in supports_claim(host, Scope.DEVICE, ())


def test_a_processor_that_shows_its_package_through_mmio_alone_is_read_there(tree):
    tree.zone("intel-rapl-mmio:0", "package-0", 7_000_000)
    assert tree.open().read(1.0) == pytest.approx(7.0)


def test_a_look_at_two_zones_costs_a_few_bare_readings_of_their_files(tree):
    """Of a core: benchmarks/bench_telemetry.py, whose budget is 1 %. Each of 20 looks beside as many bare readings."""
    files = [
        tree.zone("intel-rapl:0", "package-0", 1_000_000) / "energy_uj",
        tree.zone("intel-rapl:0:0", "dram", 1_000_000) / "energy_uj",
    ]
    sampler = Sampler(tree.open(), time.perf_counter, thread_every)

    def bare():
        for file in files:
            file.read_text()

    def cpu_s(call):
        began_s = time.thread_time()
        for _ in range(20):
            call()
        return time.thread_time() - began_s

    ratios = [cpu_s(sampler.look) / cpu_s(bare) for _ in range(10)]
    assert min(ratios) < 3, ratios
