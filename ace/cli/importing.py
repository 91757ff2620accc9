"""`ace-import FILE --format F --experiment E`: timings measured elsewhere become a record, with their own provenance.

Beside `launch`: it measures nothing, and what it stores is judged by `ace-decide` like any record, as far as it goes.
Exit 0 when the record is stored, 2 with one line on stderr when the file cannot be taken.
"""

import argparse
import shlex
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ace import wiring
from ace.cell import Attempt
from ace.cli.foreign import one_line
from ace.decide.cell_answer import answer_line, summary_metrics
from ace.domain.parsing import MOST_BYTES
from ace.domain.record import CellRecord
from ace.errors import AceError, DataError
from ace.importing.arms import Pair
from ace.importing.formats import READERS, read
from ace.importing.records import imported_plan, imported_record
from ace.measure.code_state import code_state
from ace.report.wording import markdown
from ace.tracking.store import open_store
from ace.tracking.writer import Tracker


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(prog="ace-import", description="Record timings that another tool measured.")
    made.add_argument("file", type=Path, help="the file that the tool wrote")
    made.add_argument("--format", required=True, choices=sorted(READERS))
    made.add_argument("--experiment", required=True, help="name of the MLflow experiment")
    made.add_argument("--baseline", help="name of the baseline's benchmark in the file")
    made.add_argument("--candidate", help="name of the candidate's benchmark in the file")
    made.add_argument("overrides", nargs="*", help="which cell it is, such as seq_len=128 batch=4 split=validation")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    options = parser().parse_intermixed_args(arguments)
    try:
        record, pair = store_import(options)
    except (AceError, HydraException, OmegaConfBaseException) as error:
        print(f"ace-import: {one_line(wiring.told(error))}", file=sys.stderr)
        sys.exit(2)
    print(
        f"{pair.tool}: {len(pair.baseline.seconds)} sessions of {pair.baseline.name!r:.200}, "
        f"{len(pair.candidate.seconds)} of {pair.candidate.name!r:.200}; order {pair.order}: {pair.order_reason}"
    )
    print(answer_line(record, wiring.policy_of(wiring.compose_config(options.overrides))))
    where = [override for override in options.overrides if override.lstrip("+").startswith("tracking")]
    print(f"judge it: {shlex.join(['ace-decide', '--experiment', options.experiment, *where])}")


def store_import(options: argparse.Namespace) -> tuple[CellRecord, Pair]:
    """Read the file, then write a run for it.  Nothing is written for a file that cannot be read."""
    try:
        with options.file.open("rb") as file:
            content = file.read(MOST_BYTES + 1)  # a device has no end
    except OSError as error:
        raise DataError(f"{options.file} cannot be read: {error.strerror}") from error
    pair = read(content, options.format, options.baseline, options.candidate)
    wiring.refuse_renamed(options.overrides, options.experiment)
    config = wiring.compose_config([*options.overrides, f"experiment.name={options.experiment}"])
    cell = wiring.plan_of(config)
    wiring.refuse_sealed(cell)
    plan, settings, policy = imported_plan(cell, pair), wiring.settings_of(config), wiring.policy_of(config)
    code, now = code_state(None, Path.cwd()), time.time()
    sources = (("ace", code.package_digest),)
    attempt = Attempt(f"import-{uuid.uuid4().hex[:12]}", plan, code, (), None, None, now, sources)
    record = imported_record(
        plan, pair, content=content, file=options.file.name, attempt=attempt.name, code=code, at=now
    )
    metrics, provenance = summary_metrics(record, policy)
    tracker = Tracker(open_store(settings.tracking_uri, settings.root), plan.experiment)
    run_id = tracker.begin(
        plan, attempt=attempt.name, sweep=None, job=None, code=code, weights=(), cell_key=attempt.cell_key,
        started_at=now,
    )  # fmt: skip
    said = (answer_line(record, policy), f"Imported from {pair.tool}; order {pair.order}: {pair.order_reason}.")
    note = "\n\n".join(markdown(line) for line in said)  # the UI renders it
    tracker.finish(run_id, record, summary=metrics, provenance=provenance, note=note, status="FINISHED")
    return record, pair
