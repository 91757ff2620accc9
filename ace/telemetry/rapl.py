"""RAPL: the energy counters of processor packages and their memory, as Linux's powercap shows them.

Another scope than a board's: it is a chain of its own. Packages and their memory are added; psys holds the packages
already, core and uncore are parts of one, intel-rapl-mmio shows the same packages once more, and some processors show
one counter for each die of a package (Linux, Documentation/power/powercap; 3-telemetry).
"""

import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ace.domain.energy import MIRRORED, Grade, Scope
from ace.telemetry.meters import COUNTER, Bare, Description
from ace.telemetry.refusing import Refused

NAME = "rapl"
ROOT = Path("/sys/class/powercap")
UPDATE_PERIOD_S = 0.001  # Intel SDM vol. 3B, 15.10.3: about once a millisecond; a window measures its own
READ_EVERY_S = 0.03  # .8 % of a core (benchmarks/bench_telemetry.py); every 5 ms took 3 %, of the processor that works
MIRROR_J = 1.0  # two dies that have used the same since boot to within this show one counter: reads are <1 ms apart
PLAUSIBLE_W = 2000.0  # of one zone: four times the largest package sold; beyond it a step back was a reset, not a wrap
MOST_BYTES = 4096  # of a file of sysfs: a page (Linux, Documentation/filesystems/sysfs)
SLACK_S = 0.01  # a step of the counter counts as this much time
ReadText = Callable[[Path], str]


def read_text(path: Path) -> str:
    """A file of powercap, in three system calls: a buffered file takes four times as long."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, MOST_BYTES).decode("ascii")
    finally:
        os.close(descriptor)


@dataclass(slots=True)
class Zone:
    """One counter: its folder, its name, its range, what was read so far (J, unwrapped), and its file."""

    folder: Path
    name: str
    range_j: float
    last_j: float
    counter: Path
    last_s: float | None = None
    turns: int = 0


@dataclass(slots=True)
class RaplMeter(Bare):
    """The sum of the zones, unwrapped: a counter turns over after `range_j`, 22 minutes at 200 W."""

    zones: list[Zone]
    description: Description
    text_of: ReadText = field(default=read_text)

    def read(self, now_s: float) -> float:
        """Joules of all zones.  Raises Refused: source vanished, no permission, garbage, counter reset."""
        return math.fsum(self._advanced(zone, now_s) for zone in self.zones)

    def _advanced(self, zone: Zone, now_s: float) -> float:
        value = energy_j(zone.counter, self.text_of)
        if value < zone.last_j:
            since_s = math.inf if zone.last_s is None else now_s - zone.last_s
            if value + zone.range_j - zone.last_j > PLAUSIBLE_W * (since_s + SLACK_S):
                raise Refused("counter reset", f"{zone.folder.name} ({zone.name}) fell from {zone.last_j} to {value} J")
            zone.turns += 1
        zone.last_j, zone.last_s = value, now_s
        return value + zone.turns * zone.range_j


def open_rapl(root: Path, text_of: ReadText = read_text, system: str = sys.platform) -> RaplMeter:
    """The packages of this host.  Raises Refused."""
    if system != "linux":
        raise Refused("not this system", f"powercap is Linux's; on {system} no host source is read by this version")
    if not root.is_dir():
        raise Refused(
            "not supported", f"{root} does not exist: no RAPL (virtual machine, container or other processor)"
        )
    packages: dict[str, Zone] = {}
    for folder in sorted(root.glob("intel-rapl:*")) + sorted(root.glob("intel-rapl-mmio:*")):
        name = _named(folder, text_of)
        if folder.name.count(":") == 1 and name.startswith("package") and name not in packages:
            packages[name] = _zone(folder, name, text_of)
    if not packages:
        raise Refused("not supported", f"{root} has no package zone")
    counted, mirrored = _once(list(packages.values()))
    zones = counted + [memory for zone in counted for memory in _memory(zone, text_of)]
    return RaplMeter(
        zones,
        Description(
            source=NAME,
            grade=Grade.HOST_COUNTER,
            scope=Scope.HOST,
            kind=COUNTER,
            unit="J",
            update_period_s=UPDATE_PERIOD_S,
            read_every_s=READ_EVERY_S,
            device_name=" + ".join(zone.name for zone in zones),
            flags=(MIRRORED,) if mirrored else (),
        ),
        text_of,
    )


def energy_j(counter: Path, text_of: ReadText) -> float:
    """What the counter of a zone shows.  Raises Refused: source vanished, no permission, garbage."""
    return _number(counter, text_of) / 1e6


def _memory(package: Zone, text_of: ReadText) -> Iterator[Zone]:
    for folder in sorted(package.folder.glob(f"{package.folder.name}:*")):
        if _named(folder, text_of) == "dram":
            yield _zone(folder, "dram", text_of)


def _zone(folder: Path, name: str, text_of: ReadText) -> Zone:
    counter, range_uj = folder / "energy_uj", _number(folder / "max_energy_range_uj", text_of)
    return Zone(folder, name, range_uj / 1e6, energy_j(counter, text_of), counter)


def _once(packages: list[Zone]) -> tuple[list[Zone], bool]:
    """The zones without dies that show another die's counter, and whether there were such."""
    counted: list[Zone] = []
    for zone in packages:
        package = zone.name.partition("-die-")[0]
        twins = [other for other in counted if "-die-" in zone.name and other.name.startswith(f"{package}-die-")]
        if not any(abs(twin.last_j - zone.last_j) <= MIRROR_J for twin in twins):
            counted.append(zone)
    return counted, len(counted) < len(packages)


def _named(folder: Path, text_of: ReadText) -> str:
    return _text(folder / "name", text_of).strip()


def _number(path: Path, text_of: ReadText) -> int:
    text = _text(path, text_of).strip()
    if not (text.isascii() and text.isdigit()):
        raise Refused("garbage", f"{path} holds {text[:40]!r}, not a count of microjoules")
    return int(text)


def _text(path: Path, text_of: ReadText) -> str:
    try:
        return text_of(path)
    except FileNotFoundError as error:
        raise Refused("source vanished", f"{path} is not there") from error
    except PermissionError as error:
        advice = "since Linux 5.10 only root may read it (CVE-2020-8694); an administrator can allow your group"
        raise Refused("no permission", f"{path}: {advice}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("garbage", f"{path} cannot be read: {error}") from error
