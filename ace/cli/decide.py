"""`ace-decide`: judge what MLflow holds for one experiment, write the decision bundle, log it back.

Measures nothing and asks no clock but for the run it logs. Exit 0 when a verdict was reached (1 with --require when it
is another), 2 when it could not decide.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from ace import wiring
from ace.cli.foreign import below, one_line, safe_json
from ace.cli.own_code import as_given_here
from ace.cli.resting import collector_resting
from ace.decide import judge
from ace.decide.consensus import consensus_of, require_family
from ace.decide.envelope import unsafe_envelope
from ace.decide.replay import evidence_of
from ace.domain.consensus import Consensus
from ace.domain.decision import Decision, decision_text
from ace.domain.envelope import envelope_text
from ace.domain.plan import DEVELOPMENT, SPLITS
from ace.domain.stored import Evidence
from ace.domain.verdict import Regime, Verdict
from ace.errors import AceError, StoreError
from ace.report.bundle import write_bundle
from ace.report.consensus import consensus_files, consensus_lines, is_family, member_folder
from ace.report.placing import placed
from ace.report.reading import never_read
from ace.report.tables import regime_columns
from ace.report.terminal import summary_lines
from ace.tracking.ledger import ledger_of
from ace.tracking.process import this_process
from ace.tracking.reader import read_again, read_evidence
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
        "--consensus",
        nargs="+",
        default=(),
        metavar="EXPERIMENT",
        help="other experiments of the family: what all of them agree on is written to OUTPUT.consensus, with a bundle "
        "of each",
    )
    made.add_argument(
        "--unsafe-envelope",
        type=Path,
        metavar="FILE",
        help="also write an envelope of positive cells whatever the verdict; it is marked as unsafe for ever",
    )
    made.add_argument(
        "--require",
        type=_verdicts,
        metavar="VERDICT[,VERDICT]",
        help="exit 1 unless the verdict is this one, or one of these",
    )
    made.add_argument("overrides", nargs="*", help="configuration overrides such as policy=strict tracking.uri=...")
    return made


def _verdicts(text: str) -> tuple[Verdict, ...]:
    known = {verdict.value: verdict for verdict in Verdict}
    wanted = [name.strip().upper() for name in text.split(",")]
    if strange := [name for name in wanted if name not in known]:
        raise argparse.ArgumentTypeError(f"{', '.join(strange)}: no verdict; there are {', '.join(known)}")
    return tuple(known[name] for name in wanted)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    options = parser().parse_intermixed_args(arguments)
    try:
        with collector_resting():
            verdict = decide(options)
    except (AceError, HydraException, OmegaConfBaseException) as error:
        print(as_given_here(f"ace-decide: {one_line(wiring.told(error))}"), file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # whoever read along has seen enough; the bundle is written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(1 if options.require and verdict not in options.require else 0)


def decide(options: argparse.Namespace) -> Verdict:
    """Read, judge, write, log; returns the top-level verdict, that of the newest claim."""
    if options.consensus:
        require_family([options.experiment, *options.consensus])
    config = wiring.compose_config(options.overrides)
    settings, policy = wiring.settings_of(config), wiring.policy_of(config)
    store = open_existing_store(settings.tracking_uri, settings.root)
    stale = reconcile(store, options.experiment, this_process())
    evidence = read_evidence(store, options.experiment, ledger_of(settings.root))
    decisions = judge(evidence, policy)
    folder: Path = (options.output or below(Path("decisions"), options.experiment)).resolve()
    others = [read_evidence(store, name, ledger_of(settings.root)) for name in options.consensus]
    together = [(decisions[0], evidence), *((judge(other, policy)[0], other) for other in others)]
    tracker = Tracker(store, options.experiment)
    digests, told, stored = {}, [], read_again(store, options.experiment)
    for decision in decisions:
        place = _place(folder, decision, decisions)
        digest = f"sha256:{write_bundle(decision, evidence_of(decision.claim, evidence), place, stored)}"
        digests[decision.claim] = digest
        if large := never_read(place):
            print(f"ace-decide: nobody can verify {place}: {large}; keep an experiment smaller", file=sys.stderr)
        told.append((f"{decision.verdict}: {decision.label}", _log(tracker, decision, place, digest)))
    tracker.note_decisions(told, list(_compared(decisions)))
    agreed = write_consensus(together, folder.with_name(f"{folder.name}.consensus")) if others else None
    if options.unsafe_envelope:
        _write_unsafe(decisions[0], options.unsafe_envelope)
    if options.json:
        print(safe_json(decision_text(decisions[0])))
    else:
        _show(decisions, folder, stale, digests)
        if agreed is not None:
            print("\n".join(consensus_lines(agreed)))
    return decisions[0].verdict


def _log(tracker: Tracker, decision: Decision, place: Path, digest: str) -> str:
    """The id of the decision's run: its bundle, and below it a run with its cells as a table."""
    tags = {
        "ace.verdict": decision.verdict,
        "ace.claim": decision.claim,
        "ace.policy": decision.policy.name,
        BUNDLE_DIGEST: digest,
    }
    regimes = [cell.regime for cell in decision.cells if cell.split == DEVELOPMENT]
    counts = {f"map/{regime}_cells": float(regimes.count(regime)) for regime in Regime}
    run_id = tracker.log_decision(place, tags, counts, (place / "memo.md").read_text(encoding="utf-8"))
    if decision.cells:
        tracker.log_cells(run_id, regime_columns(decision.cells))
    return run_id


def _compared(decisions: Sequence[Decision]) -> Iterator[tuple[str, list[str]]]:
    """Title and cell runs of each map with more than one, to be compared side by side."""
    for decision in decisions:
        for split in SPLITS:
            runs = [a.run_id for a in decision.attempts if a.used and a.cell and a.cell.startswith(f"{split} ")]
            if len(runs) > 1:
                yield f"{decision.label}, {split}", runs


def write_consensus(together: Sequence[tuple[Decision, Evidence]], folder: Path) -> Consensus:
    """What several decisions say together, in a folder with a bundle of each: whoever gets it can verify all of it."""
    bundles = {}
    with placed(folder, "consensus", is_family) as partial:
        for number, (decision, own) in enumerate(together, start=1):
            digest = write_bundle(decision, evidence_of(decision.claim, own), partial / member_folder(number))
            bundles[decision.experiment] = f"sha256:{digest}"
        found = consensus_of([decision for decision, _ in together], bundles)
        for name, content in consensus_files(found).items():
            (partial / name).write_bytes(content)
    return found


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
        print(as_given_here(line))
    for other in decisions[1:]:
        place = _place(folder, other, decisions)
        print(f"also judged: {one_line(other.label)}: {other.verdict} ({place}, {digests[other.claim]})")
    print(f"report: {folder / 'report.html'}")
    print(f"bundle: {digests[decisions[0].claim]}")
