"""`ace-decide`: judge what MLflow holds for one experiment, write the decision bundle, log it back.

Measures nothing and asks no clock but for the run it logs. Exit 0 when a verdict was reached (1 with --require when it
is another), 2 when it could not decide.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ace import wiring
from ace.decide import judge
from ace.decide.envelope import unsafe_envelope
from ace.decide.replay import evidence_of
from ace.domain.decision import Decision, decision_text
from ace.domain.envelope import envelope_text
from ace.domain.verdict import Verdict
from ace.errors import AceError, StoreError
from ace.report.bundle import write_bundle
from ace.report.terminal import summary_lines
from ace.tracking.ledger import ledger_of
from ace.tracking.process import this_process
from ace.tracking.reader import read_evidence
from ace.tracking.reconcile import Closed, reconcile
from ace.tracking.store import open_existing_store
from ace.tracking.writer import Tracker

BUNDLE_DIGEST = "ace.bundle_digest"
"""Tag of the decision run: what `ace-verify --anchor` compares a bundle with."""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = argparse.ArgumentParser(prog="ace-decide", description="Judge what MLflow holds for one experiment.")
    made.add_argument("--experiment", required=True, help="name of the MLflow experiment")
    made.add_argument("--output", type=Path, help="folder of the decision bundle (default: decisions/EXPERIMENT)")
    made.add_argument("--json", action="store_true", help="print decision.json instead of the summary")
    made.add_argument(
        "--unsafe-envelope",
        type=Path,
        metavar="FILE",
        help="also write an envelope of positive cells whatever the verdict; it is marked as unsafe for ever",
    )
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
    options = parser().parse_intermixed_args(arguments)
    try:
        verdict = decide(options)
    except (AceError, HydraException, OmegaConfBaseException) as error:
        print(f"ace-decide: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # whoever read along has seen enough; the bundle is written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(1 if options.require and verdict != options.require else 0)


def decide(options: argparse.Namespace) -> Verdict:
    """Read, judge, write, log; returns the top-level verdict, that of the newest claim."""
    config = wiring.compose_config(options.overrides)
    settings, policy = wiring.settings_of(config), wiring.policy_of(config)
    store = open_existing_store(settings.tracking_uri, settings.root)
    stale = reconcile(store, options.experiment, this_process())
    evidence = read_evidence(store, options.experiment, ledger_of(settings.root))
    decisions = judge(evidence, policy)
    folder: Path = (options.output or Path("decisions") / options.experiment).resolve()
    tracker = Tracker(store, options.experiment)
    digests = {}
    for decision in decisions:
        place = _place(folder, decision, decisions)
        digest = write_bundle(decision, evidence_of(decision.claim, evidence), place)
        digests[decision.claim] = f"sha256:{digest}"
        tags = {
            "ace.verdict": decision.verdict,
            "ace.claim": decision.claim,
            "ace.policy": policy.name,
            BUNDLE_DIGEST: digests[decision.claim],
        }
        tracker.log_decision(place, tags, {}, (place / "memo.md").read_text(encoding="utf-8"))
    if options.unsafe_envelope:
        _write_unsafe(decisions[0], options.unsafe_envelope)
    if options.json:
        print(decision_text(decisions[0]))
    else:
        _show(decisions, folder, stale, digests)
    return decisions[0].verdict


def _write_unsafe(decision: Decision, file: Path) -> None:
    try:
        file.write_text(envelope_text(unsafe_envelope(decision)), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"the envelope cannot be written to {file}: {error}") from error


def _place(folder: Path, decision: Decision, decisions: Sequence[Decision]) -> Path:
    """The newest claim's bundle is the folder itself; the others stand beside it, each to be verified alone."""
    if decision is decisions[0]:
        return folder
    return folder.with_name(f"{folder.name}.claims") / decision.claim[:12]


def _show(decisions: Sequence[Decision], folder: Path, stale: Sequence[Closed], digests: Mapping[str, str]) -> None:
    for closed in stale:
        print(f"run {closed.run_id} was left running and is now KILLED: {closed.because}")
    for line in summary_lines(decisions[0]):
        print(line)
    for other in decisions[1:]:
        place = _place(folder, other, decisions)
        print(f"also judged: {other.label}: {other.verdict} ({place}, {digests[other.claim]})")
    print(f"report: {folder / 'report.html'}")
    print(f"bundle: {digests[decisions[0].claim]}")
