"""`ace-freeze`: register a claim before its sealed documents are opened.

Reads MLflow, writes the registration into it and into a file that can be committed, and prints its digest and the
command that measures the holdout. Exit 0 when the claim is registered, 2 when it cannot be.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ace import wiring
from ace.benchmarks.loading import check_benchmark, count_documents
from ace.cli.foreign import below, one_line
from ace.cli.own_code import as_given_here, find_own_code
from ace.decide import commands
from ace.decide.cells import Measurement
from ace.decide.freezing import AUTO, Frozen, Sealed, chosen_claim, freeze
from ace.decide.power_scopes import POWER_SCOPES
from ace.domain.canonical import canonical_json
from ace.domain.plan import HOLDOUT, BenchmarkSpec, CellPlan, require
from ace.domain.registration import Registration
from ace.domain.serial import encode
from ace.domain.stored import Evidence
from ace.errors import AceError, PlanError, StoreError
from ace.measure.code_state import code_state
from ace.models.loading import model_tokenizer
from ace.report import wording
from ace.tracking.ledger import ledger_of
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from ace.tracking.writer import Tracker


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(prog="ace-freeze", description="Register a claim before its holdout is opened.")
    made.add_argument("--experiment", required=True, help="name of the MLflow experiment")
    made.add_argument("--cells", default=AUTO, help="auto (all that development and validation allow) or 64x1,128x1")
    made.add_argument("--claim", help="first digits of the claim's digest, where an experiment holds several (newest)")
    made.add_argument("--holdout", default="holdout", help="file of the group split that is opened (default: holdout)")
    made.add_argument("--allow-dirty", action="store_true", help="register from a checkout with uncommitted changes")
    made.add_argument("--anchor", choices=["git"], help="git: tag the current commit with the registration's digest")
    made.add_argument("--output", type=Path, default=Path("registrations"), help="folder of the file that is written")
    made.add_argument("overrides", nargs="*", help="configuration overrides such as policy=strict tracking.uri=...")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    find_own_code()
    options = parser().parse_intermixed_args(arguments)
    try:
        run(options)
    except (AceError, HydraException, OmegaConfBaseException) as error:
        print(as_given_here(f"ace-freeze: {one_line(wiring.told(error))}"), file=sys.stderr)
        sys.exit(2)


def run(options: argparse.Namespace) -> None:
    """Register, store, write, say what comes next."""
    wiring.refuse_renamed(options.overrides, options.experiment)
    config = wiring.compose_config([*options.overrides, f"split={options.holdout}"])
    settings, policy = wiring.settings_of(config), wiring.policy_of(config)
    store = open_existing_store(settings.tracking_uri, settings.root)
    evidence = read_evidence(store, options.experiment, ledger_of(settings.root))
    newest = chosen_claim(evidence, options.claim).cells[-1].newest
    code = code_state(newest.record.plan.executor, Path.cwd())
    if code.dirty and not options.allow_dirty:
        raise PlanError(
            "not registered: this checkout has uncommitted changes, so the commit does not say what was measured; "
            "commit them, or say --allow-dirty (the verdict will name it)."
        )
    holdout = wiring.benchmark_of(config)
    require(holdout.split == HOLDOUT, "--holdout", options.holdout, "a file of the group split whose name is holdout")
    sealed = _sealed(holdout, options.holdout, evidence, newest.record.plan, settings.cache)
    frozen = freeze(evidence, policy, options.cells, sealed, code, time.time(), options.claim)
    if not frozen.existing:
        note = f"{wording.code(frozen.registration.label)}\n{wording.code(frozen.registration.digest)}"
        Tracker(store, options.experiment).log_registration(frozen.registration, note)
    file = _write(frozen.registration, options.output)
    if options.anchor:
        _tag(frozen.registration)
    _show(frozen, file, newest)


def _sealed(benchmark: BenchmarkSpec, file: str, evidence: Evidence, plan: CellPlan, cache: Path) -> Sealed:
    """The holdout and how many documents it has for each shape. Their number is all that is looked at here: a cell that
    cannot be settled on them would spend the look on nothing.  Raises PlanError for what the model cannot be shown."""
    check_benchmark(benchmark, plan.model)
    asked, words = replace(benchmark, inputs=plan.benchmark.inputs), model_tokenizer(plan.model)
    shapes = {cell.plan.shape for cell in evidence.cells if cell.plan is not None and cell.record is not None}
    counts = {n: count_documents(asked, n, cache, words) for n in sorted({shape.seq_len for shape in shapes})}
    return Sealed(benchmark, file, {shape: counts[shape.seq_len] for shape in shapes})


def _write(registration: Registration, folder: Path) -> Path:
    file = below(folder, f"{registration.experiment}-{registration.digest[:12]}.json")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(canonical_json(encode(registration)), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"the registration is stored, but {file} cannot be written: {error}") from error
    return file


def _tag(registration: Registration) -> None:
    name = f"ace-{registration.experiment}-{registration.digest[:12]}"
    command = ["git", "tag", "--annotate", name, "--force", "--message", registration.digest]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StoreError(f"the registration is stored, but git cannot tag it: {' '.join(done.stderr.split())}")
    print(f"tagged: {name}")


def _show(frozen: Frozen, file: Path, newest: Measurement) -> None:
    made = frozen.registration
    print(f"{'already registered' if frozen.existing else 'registered'}: {made.digest}")
    print(f"  {one_line(made.label)}, policy {made.policy.name}")
    claims = (
        ("faster", made.cells),
        ("less memory", made.memory_cells),
        *((scope.what, made.claimed_by(scope.name)) for scope in POWER_SCOPES),
    )
    for what, cells in claims:
        if cells:
            print(f"  {what}: cells {', '.join(map(str, cells))}")
    for cell, reason in frozen.left_out:
        print(as_given_here(f"  left out: {one_line(cell)}: {one_line(reason)}"))
    print(f"  written to {file}; commit it, and nobody can say that it was made up later")
    following = commands.measure_holdout(newest.record.plan, newest.job, made, made.opened)
    print(as_given_here(f"next: {one_line(following)}"))
