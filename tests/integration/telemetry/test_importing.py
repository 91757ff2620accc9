import subprocess
import sys

HEAVY = "torch mlflow numpy scipy hydra pynvml subprocess"
CODE = """
import sys, time
start = time.process_time()
import ace.telemetry
spent = time.process_time() - start
print(spent, *[name for name in sys.argv[1:] if name in sys.modules])
"""


def test_importing_telemetry_costs_less_than_60_ms_and_brings_no_library_along():
    runs = [subprocess.run([sys.executable, "-c", CODE, *HEAVY.split()], capture_output=True, text=True, check=True)
            for _ in range(5)]  # fmt: skip
    spent, *brought = min(run.stdout.split() for run in runs)
    assert brought == []
    assert float(spent) <= 0.060
