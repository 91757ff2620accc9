"""Everything that can go wrong with a source of energy, each made to happen on a fake: what ACE then does is not told
but looked at.

`python -m tests.integration.telemetry` writes the table of docs/telemetry.md from what happens here; a test holds the
two together. `others`: what Zeus or CodeCarbon do, where an issue of theirs says so.
"""

import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ace.decide.power_pairs import Pair, paired
from ace.domain.energy import EnergyPlan, EnergyWindow, Scope, SessionEnergy, SourceChoice, supports_claim
from ace.telemetry import Refused, choose, measure_window, reopen
from ace.telemetry.rapl import read_text
from tests.integration.telemetry.board import UUIDS, Board, compiled
from tests.unit.telemetry.test_rapl import RANGE_UJ, Tree

NVML, AUTO = EnergyPlan("nvml"), EnergyPlan("auto")
NOT_KNOWN = "not known"
ROW = "GPU-11111111-aaaa, NVIDIA RTX A4000, 560.35.03, [N/A], 140.00, "


@dataclass
class Kit:
    """Fakes of one case: a board, a powercap tree, a script in the place of nvidia-smi."""

    folder: Path
    build: Callable[..., str]

    def board(self, *definitions: str, **values: float) -> Board:
        made = Board(self.build(*definitions))
        made.set(**values)
        return made

    def tree(self) -> Tree:
        return Tree(self.folder / "powercap")

    def smi(self, script: str) -> tuple[str]:
        path = self.folder / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return (str(path),)


def kit_in(folder: Path) -> Kit:
    made: dict[tuple[str, ...], str] = {}

    def build(*definitions: str) -> str:
        if definitions not in made:
            made[definitions] = compiled(folder / f"fake{len(made)}.so", definitions)
        return made[definitions]

    return Kit(folder, build)


def of_choice(choice: SourceChoice) -> str:
    """What was chosen, and why those before it were not."""
    tried = [f"{t.source}: `{t.reason}`" for t in choice.tried]
    taken = "no source, no number" if choice.source is None else f"{choice.source}, {choice.grade}"
    return f"{', '.join(tried)}; then {taken}" if tried else taken


def of_window(window: EnergyWindow, work_on: Scope = Scope.DEVICE, choice: SourceChoice | None = None) -> str:
    """A number with its flags, or the reason why there is none; and what keeps it from a claim."""
    if window.energy_j is None:
        return f"no energy: `{str(window.reason).partition(':')[0]}`; no other source is asked"
    text = f"a number, flagged `{'`, `'.join(window.flags)}`" if window.flags else "a number"
    against = None if choice is None else supports_claim(choice, work_on, window.flags)
    return text if against is None else f"{text}; no claim"


def choosing(plan: EnergyPlan = NVML, *definitions: str, environment: dict[str, str] | None = None, **values: float):
    def run(kit: Kit) -> str:
        return of_choice(kit.board(*definitions, **values).chosen(plan, environment=environment))

    return run


def within(**change: float):
    """The board changes four seconds after a window has begun."""

    def run(kit: Kit) -> str:
        board = kit.board()
        choice = board.chosen()
        ((key, value),) = change.items()
        board.script.append((board.now() + 4.0, key, value))
        board.set(period=0.1)
        return of_window(board.window(choice=choice)[0])

    return run


def window_of(**values: float):
    def run(kit: Kit) -> str:
        board = kit.board(**values)
        choice = board.chosen()
        return of_window(board.window(choice=choice)[0], choice=choice)

    return run


def smi_says(script: str):
    def run(kit: Kit) -> str:
        return of_choice(kit.board().chosen(EnergyPlan("nvidia_smi"), smi=kit.smi(script)))

    return run


def smi_prints(text: str):
    return smi_says(f"cat <<'END'\n{text}\nEND")


def hanging(kit: Kit) -> str:
    return of_choice(kit.board().chosen(EnergyPlan("nvidia_smi"), smi=kit.smi("sleep 60 & exec sleep 60")))


def powercap(lay_out: Callable[[Tree], object], text_of=read_text):
    def run(kit: Kit) -> str:
        tree = kit.tree()
        lay_out(tree)
        ports = replace(kit.board().ports(), powercap=tree.root, read_text=text_of)
        (_, host) = choose(EnergyPlan("rapl"), ports)
        text = of_choice(host)
        if host.source is None:
            return text
        meter = reopen(host, EnergyPlan("rapl"), ports)
        return f"{text}: {meter.description.device_name}" + "".join(f", flagged `{f}`" for f in meter.description.flags)

    return run


def reading_again(before_uj: int, after_uj: int | None):
    """A package is read, its counter changes (None: the zone goes), and it is read again."""

    def run(kit: Kit) -> str:
        tree = kit.tree()
        zone = tree.zone("intel-rapl:0", "package-0", before_uj)
        meter = tree.open()
        first = meter.read(10.0)
        if after_uj is None:
            (zone / "energy_uj").unlink()
        else:
            tree.write(zone, after_uj)
        try:
            return f"unwrapped: {meter.read(10.1) - first:.1f} J"
        except Refused as refusal:
            return f"no energy: `{refusal.reason}`; no other source is asked"

    return run


def forbidden(path: Path) -> str:
    if path.name == "energy_uj":
        raise PermissionError(13, "Permission denied", str(path))
    return read_text(path)


def capped_once(kit: Kit) -> str:
    board = kit.board()
    choice = board.chosen()
    first, _ = board.window(choice=choice)
    board.set(events=0x4)
    second, _ = board.window(choice=choice, arm="candidate")
    made = paired(NVML, SessionEnergy((), (), (first, second)), "nvml_counter")
    assert not isinstance(made, Pair)
    return f"flagged `power capped`; where one arm alone was: no pair (`{made}`)"


def contradicted(kit: Kit) -> str:
    board = kit.board(fields_code=186)
    choice = board.chosen()
    board.set(base=200, amp=60, work_period=0.02)
    board.set(fields_code=0)
    return of_window(board.window(choice=choice)[0], choice=choice)


def in_step(kit: Kit) -> str:
    board = kit.board(period=0.1, look=0.025, base=200, amp=100, work_period=0.1)
    board.name("NVIDIA A100-SXM4-40GB")
    return of_window(board.window(call_s=0.1)[0])


def other_driver(kit: Kit) -> str:
    board = kit.board()
    choice = board.chosen()
    board.driver("570.1")
    try:
        reopen(choice, NVML, board.ports())
    except Refused as refusal:
        return f"not opened again: `{refusal.reason}`; the session has no energy"
    raise AssertionError("opened as another")


def on_the_processor(kit: Kit) -> str:
    board = kit.board()
    choice = board.chosen()
    return of_window(board.window(choice=choice)[0], Scope.HOST, choice)


def other_maker(kit: Kit) -> str:
    return of_choice(choose(NVML, replace(kit.board().ports(), unmetered="an AMD board"))[0])


def overridden(text: str):
    return choosing(EnergyPlan("override"), environment={"ACE_DIRECT_POWER_WATTS": text})


def simulated(kit: Kit) -> str:
    board = kit.board()
    plan, environment = EnergyPlan("override"), {"ACE_DIRECT_POWER_WATTS": "185"}
    choice = board.chosen(plan, environment=environment)
    meter = reopen(choice, plan, board.ports(environment))
    (window,) = measure_window("baseline", board.work(0.01), 1, [meter], plan, board.rig)
    return f"{of_choice(choice)}, simulated; {of_window(window, choice=choice)}"


@dataclass(frozen=True)
class Failing:
    """One case. `named`: what must stand in what ACE does, whatever the table says."""

    name: str
    others: str
    named: str
    run: Callable[[Kit], str]


COUNTER_LESS = "CodeCarbon: `NotSupported` ends the start (codecarbon #518, #608), later 0 kWh (#1316)"
ZERO_SEEN = "both were seen to give 0 J or less"
CASES = (
    Failing("no library", "CodeCarbon goes on without the board, 0 W (codecarbon #378, #393)", "no library",
            lambda kit: of_choice(_without_library(kit))),
    Failing("version mismatch of library and module", NOT_KNOWN, "version mismatch", choosing(init_code=18)),
    Failing("no driver loaded", NOT_KNOWN, "no driver", choosing(init_code=9)),
    Failing("no permission", NOT_KNOWN, "no permission", choosing(init_code=4)),
    Failing("driver not ready, or any code not known", "CodeCarbon: the error ends the start (codecarbon #578)",
            "failed", choosing(init_code=12345)),
    Failing("no board", NOT_KNOWN, "no device", choosing(count=0)),
    Failing("a symbol is missing", NOT_KNOWN, "missing symbol", choosing(NVML, "WITHOUT_ENERGY")),
    Failing("a board without a counter", COUNTER_LESS, "nvml_power", choosing(energy_code=3)),
    Failing("neither counter nor power", "CodeCarbon: 0 W (codecarbon #295)", "not supported",
            choosing(energy_code=3, fields_code=3, power_code=3)),
    Failing("a counter that reads 0 for ever", NOT_KNOWN, "nvml_power", choosing(jump=-5000)),
    Failing("the counter falls (reset)", ZERO_SEEN, "counter reset", within(jump=-4000)),
    Failing("the counter stands still under load", ZERO_SEEN, "counter stuck", within(stuck=1)),
    Failing("the device is lost", ZERO_SEEN, "device lost", within(lost=1)),
    Failing("the driver no longer answers", NOT_KNOWN, "failed", within(energy_code=999)),
    Failing("MIG slice", NOT_KNOWN, "MIG slice", choosing(mig=1)),
    Failing("other processes on the board", NOT_KNOWN, "no claim", window_of(processes=2)),
    Failing("two boards, a bare number", "Zeus maps CUDA_VISIBLE_DEVICES", "ambiguous device", choosing(count=2)),
    Failing("two boards, one named by UUID", "Zeus maps CUDA_VISIBLE_DEVICES", "DEVICE_COUNTER",
            choosing(environment={"CUDA_VISIBLE_DEVICES": UUIDS[1]}, count=2)),
    Failing("another driver than the one chosen", NOT_KNOWN, "other device", other_driver),
    Failing("hardware slowdown (0x8)", NOT_KNOWN, "throttled", window_of(events=0x8)),
    Failing("thermal, by software (0x20)", NOT_KNOWN, "throttled", window_of(events=0x20)),
    Failing("thermal, by hardware (0x40)", NOT_KNOWN, "throttled", window_of(events=0x40)),
    Failing("power brake (0x80)", NOT_KNOWN, "throttled", window_of(events=0x80)),
    Failing("power cap (0x4)", NOT_KNOWN, "power capped", capped_once),
    Failing("mean power over 1.5 limits", NOT_KNOWN, "implausible", window_of(base=290, limit=180)),
    Failing("counter and polling differ by over 5 %", "Zeus saw 1 % (zeus #12)", "no claim", contradicted),
    Failing("work in step with a part-time sensor", NOT_KNOWN, "aliased", in_step),
    Failing("work on the processor beside a board", NOT_KNOWN, "no claim", on_the_processor),
    Failing("an AMD or Apple device", "CodeCarbon reads amdsmi (codecarbon #1316)", "no source", other_maker),
    Failing("nvidia-smi hangs, and a child of it", NOT_KNOWN, "timed out", hanging),
    Failing("nvidia-smi: an orphan holds the output", NOT_KNOWN, "DEVICE_PROBE",
            smi_says(f"setsid sleep 3 &\necho '{ROW}65.12'")),
    Failing("nvidia-smi: N/A", NOT_KNOWN, "not supported", smi_prints(ROW + "N/A")),
    Failing("nvidia-smi: [Not Supported]", NOT_KNOWN, "not supported", smi_prints(ROW + "[Not Supported]")),
    Failing("nvidia-smi: garbage", NOT_KNOWN, "garbage", smi_prints("No devices were found")),
    Failing("nvidia-smi: a comma as decimal mark", NOT_KNOWN, "DEVICE_PROBE", smi_prints(ROW + "65,12")),
    Failing("nvidia-smi: ends with an error", NOT_KNOWN, "failed", smi_says("exit 9")),
    Failing("no powercap (virtual machine)", "CodeCarbon takes half of a rated power (codecarbon #524)",
            "not supported", powercap(lambda tree: None)),
    Failing("powercap for root only (Linux 5.10)",
            "Zeus: None, silently (review of zeus #268); CodeCarbon: a rated power (#524)", "no permission",
            powercap(lambda tree: tree.zone("intel-rapl:0", "package-0", 1), forbidden)),
    Failing("RAPL wraps", "CodeCarbon gave negative energy (#309); Zeus missed further turns (zeus #91)",
            "unwrapped: 3.0 J", reading_again(RANGE_UJ - 1_000_000, 2_000_000)),
    Failing("RAPL is reset", "CodeCarbon gave negative energy (#309)", "counter reset",
            reading_again(100_000_000_000, 0)),
    Failing("a zone vanishes", NOT_KNOWN, "source vanished", reading_again(1_000_000, None)),
    Failing("garbage in powercap", NOT_KNOWN, "garbage",
            powercap(lambda tree: tree.write(tree.zone("intel-rapl:0", "package-0", 1), "nan"))),
    Failing("mirrored dies", NOT_KNOWN, "mirrored", powercap(lambda tree: [
        tree.zone(f"intel-rapl:{die}", f"package-0-die-{die}", 500_000_000 + die) for die in (0, 1)])),
    Failing("psys and MMIO beside the packages", "CodeCarbon counted both until 2025 (codecarbon #950)",
            "rapl, HOST_COUNTER: package-0", powercap(lambda tree: [
                tree.zone("intel-rapl:0", "package-0", 7_000_000), tree.zone("intel-rapl:1", "psys", 90_000_000),
                tree.zone("intel-rapl-mmio:0", "package-0", 7_000_100)])),
    Failing("a power that is declared", "neither labels what was not measured", "no claim",
            simulated),
    Failing("the override is no number", NOT_KNOWN, "not a number", overridden("lots")),
    Failing("the override is nan", NOT_KNOWN, "not a number", overridden("nan")),
    Failing("the override is negative", NOT_KNOWN, "implausible", overridden("-250")),
    Failing("the override is over 5 kW", NOT_KNOWN, "implausible", overridden("250000")),
)  # fmt: skip


def _without_library(kit: Kit) -> SourceChoice:
    board = kit.board()
    board.library = "/nonexistent/libnvidia-ml.so.1"
    return board.chosen(AUTO)


def table(folder: Path) -> str:
    """What happens in every case, as Markdown."""
    lines = ["| case | Zeus, CodeCarbon | ACE |", "|---|---|---|"]
    for number, case in enumerate(CASES):
        place = folder / str(number)
        place.mkdir()
        lines.append(f"| {case.name} | {case.others} | {case.run(kit_in(place))} |")
    return "\n".join(lines) + "\n"
