"""What reading energy costs: `python -m benchmarks.bench_telemetry [minutes]`.

Prints the gain of calls beside a running sampler over calls without one at 256x4 (both are the baseline: budget .2 %,
by the interval), the share of a core that sampling takes (budget 1 %), the time that `import ace.telemetry` takes
(60 ms) and how long a hanging nvidia-smi delays the start (2 s). The sampler reads a powercap tree of files, which is
what work on the processor has beside it.
"""

import math
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ace.domain.energy import EnergyPlan
from ace.models.loading import load_model
from ace.stats.robust import TRIM, yuen
from ace.telemetry.choosing import choose, local_ports
from ace.telemetry.rapl import open_rapl
from ace.telemetry.sampling import Sampler, thread_every
from ace.wiring import compose_config, plan_of

IMPORT = "import time; s = time.process_time(); import ace.telemetry; print(time.process_time() - s)"


def main(minutes: float) -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        sampler = Sampler(open_rapl(_powercap(Path(folder)), system="linux"), time.perf_counter, thread_every)
        share = _share_of_a_core(sampler)
        gains = _gains(sampler, 60 * minutes)
        delay_s = _hanging(Path(folder))
    mean, error, _ = yuen(np.array(gains), TRIM)  # calls of a shared machine have spikes, which average out slowly
    told = f"{mean:+.3%} +- {1.96 * error:.3%}, {len(gains)} blocks"
    print(f"gain of calls beside a sampler, 256x4      {told} (budget +-0.2 %, trimmed mean)")
    print(f"the sampler's share of a core              {share:.2%} (budget 1 %)")
    runs = [float(subprocess.check_output([sys.executable, "-c", IMPORT])) for _ in range(5)]
    print(f"import ace.telemetry                       {1e3 * min(runs):.0f} ms (budget 60 ms)")
    print(f"start with a hanging nvidia-smi            {delay_s:.2f} s later (budget 2 s)")


def _powercap(root: Path) -> Path:
    for zone, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0/intel-rapl:0:0", "dram")):
        folder = root / "powercap" / zone
        folder.mkdir(parents=True)
        for file, text in (("name", name), ("max_energy_range_uj", "262143328850"), ("energy_uj", "1000000")):
            (folder / file).write_text(text)
    return root / "powercap"


def _share_of_a_core(sampler: Sampler) -> float:
    """CPU time of this process over wall time while the sampler looks and nothing else happens."""
    sampler.start()
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    time.sleep(5)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    sampler.stop()
    return cpu_s / wall_s


def _gains(sampler: Sampler, seconds: float) -> list[float]:
    """One log ratio a block: off, on, on, off or its reverse, so that linear drift cancels."""
    plan = plan_of(compose_config(["seq_len=256", "batch=4"]))
    torch.set_num_threads(plan.protocol.threads)
    model = load_model(plan.model)
    ids, mask = torch.randint(1000, 20000, (4, 256)), torch.ones(4, 256, dtype=torch.int64)
    dice, made, until_s = random.Random(0), [], time.perf_counter() + seconds
    with torch.inference_mode():
        for _ in range(5):
            model(ids, mask)
        while time.perf_counter() < until_s:
            first = dice.random() < 0.5
            took: dict[bool, list[float]] = {True: [], False: []}
            for on in (first, not first, not first, first):
                if on:
                    sampler.start()
                start_s = time.perf_counter()
                model(ids, mask)
                took[on].append(time.perf_counter() - start_s)
                if on:
                    sampler.stop()
            made.append(math.log(sum(took[True])) - math.log(sum(took[False])))
    return [-gain for gain in made]


def _hanging(folder: Path) -> float:
    command = folder / "nvidia-smi"
    command.write_text("#!/bin/sh\nsleep 60 & exec sleep 60\n")
    command.chmod(0o755)
    ports, start_s = local_ports(), time.perf_counter()
    choose(EnergyPlan("nvidia_smi"), replace(ports, smi_command=(str(command),)))
    return time.perf_counter() - start_s


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else 3.0)
