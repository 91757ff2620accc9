"""`ace-doctor`: what this machine can and cannot support, each with its reason, before anything is measured.

Measures nothing. Exit 0 when everything that ACE needs is there, 1 when something is missing or altered; each line of
that says what to do.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from ace import wiring
from ace.benchmarks import lee, mnist, reuters
from ace.benchmarks.newsgroups import TEST, TRAIN
from ace.cli.calibrate import EXPERIMENT
from ace.errors import AceError
from ace.measure.environment import fingerprint
from ace.models import minilm_l3
from ace.models.files import PinnedFile
from ace.models.minilm import WEIGHTS
from ace.models.tokenizer import TOKENIZER
from ace.report.calibration import calibration_lines
from ace.telemetry import Rig, local_ports
from ace.telemetry.sampling import thread_every
from ace.telemetry.survey import offered, survey
from ace.tracking.declared import latest_calibration
from ace.tracking.store import experiments, open_existing_store

FILES: tuple[PinnedFile, ...] = (
    WEIGHTS,
    TOKENIZER,
    TRAIN,
    TEST,
    lee.TEXTS,
    lee.RATINGS,
    *reuters.FILES,
    mnist.IMAGES,
    minilm_l3.WEIGHTS,
)
Line = tuple[bool, str]
"""Whether it is as it should be, and what to say of it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    made = argparse.ArgumentParser(prog="ace-doctor", description="What can this machine support?")
    made.add_argument("overrides", nargs="*", help="configuration overrides such as tracking.root=...")
    options = made.parse_args(arguments)
    fine = True
    for title, look in SECTIONS:
        print(title)
        for well, line in look(options.overrides):
            print(f"  {'' if well else 'MISSING '}{line}")
            fine = fine and well
    sys.exit(0 if fine else 1)


def _machine(overrides: Sequence[str]) -> Iterator[Line]:
    threads = wiring.plan_of(wiring.compose_config(overrides)).protocol.threads
    seen = fingerprint(threads, 1)
    yield True, f"{seen.host}: {seen.cpu_model}, {seen.cores} cores usable, kernel {seen.kernel}"
    yield True, "device: cpu; CUDA and other devices are not measured by this version"
    wall, cpu = time.get_clock_info("perf_counter"), time.get_clock_info("process_time")
    yield (
        True,
        f"clocks: wall {wall.implementation} {wall.resolution:g} s, CPU {cpu.implementation} {cpu.resolution:g} s",
    )
    yield True, f"threads: {threads} a session (protocol.threads); load average {seen.load_average}"
    for name, version in seen.versions:
        yield True, f"{name} {version}"


def _energy(overrides: Sequence[str]) -> Iterator[Line]:
    """Every source, whatever telemetry asks for: none of them is needed for anything but energy."""
    plan = wiring.plan_of(wiring.compose_config(overrides)).telemetry
    yield (
        True,
        f"telemetry={plan.name}; work is done on the processor, whose energy only RAPL measures",
    )
    rig = Rig(time.perf_counter, thread_every, lambda: None, time.sleep, random.random)
    yield from ((True, line) for line in offered(survey(plan, local_ports(), rig)))


def _files(_: Sequence[str]) -> Iterator[Line]:
    for file in FILES:
        try:
            file.verified()
        except AceError as error:
            yield False, str(error)
        else:
            yield True, f"{file.name} {file.sha256[:16]} of {file.distribution}"


def _store(overrides: Sequence[str]) -> Iterator[Line]:
    settings = wiring.settings_of(wiring.compose_config(overrides))
    folder = next(path for path in (settings.root, *settings.root.parents) if path.exists())
    if not os.access(folder, os.W_OK):
        yield False, f"{folder} cannot be written; choose another place with tracking.root=DIR"
    try:
        store = open_existing_store(settings.tracking_uri, settings.root)
        yield True, f"{store.shown}: {', '.join(experiments(store)) or 'no experiment yet'}"
    except AceError as error:
        yield True, f"none yet: {error}"


def _calibration(overrides: Sequence[str]) -> Iterator[Line]:
    settings = wiring.settings_of(wiring.compose_config(overrides))
    try:
        made = latest_calibration(open_existing_store(settings.tracking_uri, settings.root), EXPERIMENT)
    except AceError as error:
        yield True, f"not known ({error}); run ace-calibrate, about 3 minutes"
        return
    if made is None:
        yield True, "not known yet: run ace-calibrate (about 3 minutes)"
    else:
        yield from ((True, line) for line in calibration_lines(made))


SECTIONS: tuple[tuple[str, Callable[[Sequence[str]], Iterator[Line]]], ...] = (
    ("machine", _machine),
    ("energy", _energy),
    ("model and data", _files),
    ("store", _store),
    ("what it can see", _calibration),
)
