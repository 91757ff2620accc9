"""`ace-decide`: judge what MLflow holds for one experiment, write the decision bundle, log it back.

Measures nothing and asks no clock but for the run it logs. Exit 0 when a verdict was reached (1 with --require when it
is another), 2 when it could not decide.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ace import wiring
from ace.decide import judge
from ace.domain.canonical import canonical_json
from ace.domain.decision import Decision
from ace.domain.record import CellRecord
from ace.domain.serial import encode
from ace.domain.verdict import Verdict
from ace.errors import AceError
from ace.report.bundle import write_bundle
from ace.report.terminal import summary_lines
from ace.tracking.reader import read_evidence
from ace.tracking.reconcile import reconcile
from ace.tracking.store import open_existing_store
from ace.tracking.writer import Tracker


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(prog="ace-decide", description="Judge what MLflow holds for one experiment.")
    made.add_argument("--experiment", required=True, help="name of the MLflow experiment")
    made.add_argument("--output", type=Path, help="folder of the decision bundle (default: decisions/EXPERIMENT)")
    made.add_argument("--json", action="store_true", help="print decision.json instead of the summary")
    made.add_argument(
        "--require",
        type=str.upper,
        choices=[v.value for v in Verdict],
        metavar="VERDICT",
        help="exit 1 unless this is the verdict",
    )
    made.add_argument("overrides", nargs="*", help="configuration overrides such as policy=strict tracking.uri=...")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    options = parser().parse_args(arguments)
    try:
        verdict = decide(options)
    except (AceError, HydraException, OmegaConfBaseException) as error:
        print(f"ace-decide: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    sys.exit(1 if options.require and verdict != options.require else 0)


def decide(options: argparse.Namespace) -> Verdict:
    """Read, judge, write, log; returns the top-level verdict, that of the newest claim."""
    config = wiring.compose_config(options.overrides)
    settings, policy = wiring.settings_of(config), wiring.policy_of(config)
    store = open_existing_store(settings.tracking_uri, settings.root)
    stale = reconcile(store, options.experiment)
    evidence = read_evidence(store, options.experiment)
    decisions = judge(evidence, policy)
    folder = (options.output or Path("decisions") / options.experiment).resolve()
    records = [cell.record for cell in evidence.cells if cell.record is not None]
    for index, decision in enumerate(decisions):
        place = folder if index == 0 else folder / "claims" / decision.claim
        _write(decision, records, place)
        Tracker(store, options.experiment).log_decision(
            place,
            tags={"ace.verdict": decision.verdict, "ace.claim": decision.claim, "ace.policy": policy.name},
            metrics={},
            note=(place / "memo.md").read_text(encoding="utf-8"),
        )
    _show(decisions, folder, stale, options.json)
    return decisions[0].verdict


def _write(decision: Decision, records: Sequence[CellRecord], place: Path) -> None:
    write_bundle(decision, records, place)


def _show(decisions: Sequence[Decision], folder: Path, stale: Sequence[str], as_json: bool) -> None:
    if as_json:
        print(canonical_json(encode(decisions[0])))
        return
    for line in (*stale, *summary_lines(decisions[0])):
        print(line)
    for other in decisions[1:]:
        print(f"also judged: {other.label}: {other.verdict} ({folder / 'claims' / other.claim})")
    print(f"report: {folder / 'report.html'}")
    print(f"memo:   {folder / 'memo.md'}")
