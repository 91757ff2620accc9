"""The token pruning study: `python -m benchmarks.study` measures it cell by cell; it can be ended and resumed.

Four cells through development and validation, the claim registered, its sealed documents opened once; then three
members of a family over lengths and batches on development, hidden x depth on random weights; judged, written to
docs/studies/token_pruning.md beside what an earlier framework had said, and every experiment packed beside that page.
Several hours; a cell that the store holds is not measured again. `--tiny` goes the same way as far as the page, on two
cells of a few sessions, in a store of its own.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ace import wiring
from ace.decide import judge
from ace.decide.consensus import consensus_of
from ace.domain.consensus import Consensus
from ace.domain.decision import Decision
from ace.domain.plan import DEVELOPMENT, HOLDOUT, VALIDATION, Shape
from ace.domain.stored import Evidence
from ace.errors import StoreError
from ace.tracking.ledger import ledger_of
from ace.tracking.reader import read_evidence
from ace.tracking.store import open_existing_store
from benchmarks.study_archives import digest_of, keep
from benchmarks.study_page import Planned, study_page

PRUNING, MERGING, THRESHOLD, SIZES = "token_pruning", "token_merging", "token_pruning_threshold", "token_pruning_sizes"
LENGTHS, BATCHES = (16, 32, 64, 128, 256, 384, 512), (1, 2, 4, 8)
WIDTHS, DEPTHS = (192, 384, 768), (2, 6, 12)
# Named before anything was measured. 64x8 and not a longer text: the earlier table had batch 8 collapse, and the sealed
# corpus has fewer documents of 256 tokens than a claim of quality needs.
CONFIRMED = ((64, 1), (64, 4), (64, 8), (128, 1))
# What is to be claimed is measured as anybody measures: by the protocol that is the default.
CLAIMED = (f"experiment={PRUNING}",)
# One protocol for every cell of a map: as many sessions as the policy needs, each long enough for a warm-up to be cut
# from it. Short calls are repeated until they make up 50 ms, which costs long ones nothing.
PROTOCOL = (
    "protocol=quick", "protocol.sessions=6", "protocol.rounds=6", "protocol.warmup_rounds=1",
    "protocol.min_timing_s=0.05",
)  # fmt: skip
# Rivals decide what may be claimed, not where there is a gain. Nor is a cell of the map alone measured once more:
# the launcher does that from policy.min_sessions on. What is judged is judged by the policy as it is.
ALONE = ("executor.rivals=null", "inputs.rivals=null", "policy.min_sessions=7")
STUDIES = Path(__file__).resolve().parents[1] / "docs" / "studies"
TINY, WORKING = Path("outputs") / "study-tiny", Path("outputs") / "study"
QUICK = ("protocol=quick", "protocol.sessions=6", "protocol.rounds=4", "split.examples=200")


@dataclass(frozen=True, slots=True)
class Part:
    """Cells of one experiment on one split, and the overrides that measure them."""

    experiment: str
    split: str
    shapes: tuple[Shape, ...]
    overrides: tuple[str, ...]

    def command(self, shape: Shape, root: Path) -> list[str]:
        """Of one cell: a run of its own, so that what was measured stays measured."""
        axes = [f"seq_len={shape.seq_len}", f"batch={shape.batch}"]
        if self.experiment == SIZES:
            axes += [f"hidden={shape.hidden}", f"depth={shape.depth}"]
        fixed = [f"split={self.split}", *self.overrides, f"tracking.root={root}"]
        return [sys.executable, "launch.py", *fixed, *axes]

    @property
    def planned(self) -> Planned:
        """The same for the page."""
        axes = ["seq_len=N", "batch=B", *(["hidden=H", "depth=D"] if self.experiment == SIZES else [])]
        told = shlex.join(["python", "launch.py", f"split={self.split}", *self.overrides, *axes])
        return Planned(self.experiment, self.split, self.shapes, told)


def parts(tiny: bool) -> tuple[Part, ...]:
    """What is measured, in this order: a cell of two parts is measured in the first. The claim is registered after the
    second; the map of development that follows it changes nothing of the claim."""
    lengths, batches = ((16, 32), (1,)) if tiny else (LENGTHS, BATCHES)
    shapes = (Shape(n, b, 384, 6) for n in lengths for b in batches)
    # the row of single texts first, along which the earlier table changes most; then the fewest tokens in a call
    grid = tuple(sorted(shapes, key=lambda s: (s.batch > 1, s.seq_len * s.batch, s.seq_len)))
    row = tuple(shape for shape in grid if shape.batch == 1)
    sizes = tuple(Shape(128, 1, hidden, depth) for hidden in WIDTHS for depth in DEPTHS)
    confirmed = tuple(Shape(n, b, 384, 6) for n, b in CONFIRMED)
    if tiny:
        return (Part(PRUNING, DEVELOPMENT, grid, (f"experiment={PRUNING}", *QUICK)),)
    sized = (f"experiment={PRUNING}", f"experiment.name={SIZES}", "model=encoder")
    return (
        Part(PRUNING, DEVELOPMENT, confirmed, CLAIMED),
        Part(PRUNING, VALIDATION, confirmed, CLAIMED),
        Part(PRUNING, DEVELOPMENT, grid, (f"experiment={PRUNING}", *PROTOCOL, *ALONE)),
        Part(MERGING, DEVELOPMENT, grid, (f"experiment={MERGING}", *PROTOCOL, *ALONE)),
        Part(THRESHOLD, DEVELOPMENT, row, (f"experiment={THRESHOLD}", *PROTOCOL, *ALONE)),
        Part(SIZES, DEVELOPMENT, sizes, (*sized, *PROTOCOL, *ALONE)),
    )


def measured(experiment: str, split: str, root: Path) -> set[Shape]:
    """Shapes that the store holds whole records of."""
    try:
        store = open_existing_store(None, root)
        cells = read_evidence(store, experiment, ledger_of(root)).cells
    except StoreError:  # nothing was recorded yet
        return set()
    whole = [cell.record for cell in cells if cell.record is not None and cell.status == "FINISHED"]
    return {record.plan.shape for record in whole if record.split == split}


def missing(part: Part, root: Path) -> Iterator[Shape]:
    """Cells of a part that are still to be measured, in its order."""
    there = measured(part.experiment, part.split, root)
    yield from (shape for shape in part.shapes if shape not in there)


def run(command: Sequence[str]) -> int:
    """One step, shown before it runs; its exit code."""
    print(f"$ {shlex.join(command)}", flush=True)
    return subprocess.run(command, check=False).returncode


def measure(part: Part, root: Path) -> None:
    """All cells of a part; one that fails is in the store as a failure, and the others go on."""
    for shape in list(missing(part, root)):
        run(part.command(shape, root))


def open_holdout(root: Path) -> None:
    """Register what development and validation allow of the confirmed cells, and measure that once on sealed documents.
    A claim that is registered already stays; without one nothing is opened."""
    freezing = [command("ace-freeze"), "--experiment", PRUNING, "--cells", "auto", f"tracking.root={root}"]
    if run(freezing):
        print("not registered: ace-freeze says why above; the study goes on without a holdout")
        return
    store = open_existing_store(None, root)
    [*_, newest] = read_evidence(store, PRUNING, ledger_of(root)).registrations
    if newest.registration is None:
        return
    measure(Part(PRUNING, HOLDOUT, tuple(newest.registration.opened), CLAIMED), root)


def decide(root: Path, bundles: Path, experiments: Sequence[str]) -> dict[str, Decision]:
    """One decision an experiment, by what the store holds, each with its bundle in `bundles`."""
    for name in experiments:
        if run([command("ace-decide"), "--experiment", name, "--output", str(bundles / name), f"tracking.root={root}"]):
            sys.exit(f"{name} cannot be decided: ace-decide says why above")
    policy = wiring.policy_of(wiring.compose_config([]))
    store = open_existing_store(None, root)
    read = (read_evidence(store, name, ledger_of(root)) for name in experiments)
    return {evidence.experiment: judge(evidence, policy)[0] for evidence in read}


def together(decisions: Mapping[str, Decision], bundles: Path) -> Consensus | None:
    """What the two members that cover the whole map say of it together; None until both were measured."""
    if not {PRUNING, MERGING} <= decisions.keys():
        return None
    members = [decisions[PRUNING], decisions[MERGING]]
    return consensus_of(members, {member.experiment: digest_of(bundles / member.experiment) for member in members})


def evidence_of_the_claim(root: Path) -> Evidence:
    """All that the store holds of the study's own claim."""
    return read_evidence(open_existing_store(None, root), PRUNING, ledger_of(root))


def before_registering(evidence: Evidence) -> Decision:
    """Judged as if nothing had been chosen yet: what stood against each cell then."""
    return judge(replace(evidence, registrations=()), wiring.policy_of(wiring.compose_config([])))[0]


def loads_of(evidence: Evidence) -> list[float]:
    """How busy the machine was as each session began."""
    sessions = [session for cell in evidence.cells if cell.record is not None for session in cell.record.sessions]
    return [load for session in sessions if (load := session.environment.load_average) is not None]


def history_of(evidence: Evidence) -> list[tuple[str, ...]]:
    """Every attempt and every registration, by time: rows under `study_page.HISTORY`."""
    first = min(cell.started_at for cell in evidence.cells)
    rows: list[tuple[float, tuple[str, ...]]] = []
    for cell in evidence.cells:
        record = cell.record
        if record is None:
            rows.append((cell.started_at, (cell.status, "0", "-", "-")))
            continue
        plan, names = record.plan, ", ".join(rival.name for rival in record.plan.rivals)
        what = f"{record.split} {plan.shape}"
        told = (what, str(len(record.sessions)), f"{1000 * plan.protocol.min_timing_s:g} ms", names or "none")
        rows.append((cell.started_at, told))
    for stored in evidence.registrations:
        if stored.registration is not None:
            cells = ", ".join(map(str, stored.registration.cells))
            rows.append((stored.registration.frozen_at, (f"the claim is registered for {cells}", "-", "-", "-")))
    return [(f"{(moment - first) / 60:.0f}", *told) for moment, told in sorted(rows)]


def command(name: str) -> str:
    """A command of this very installation."""
    return str(Path(sys.executable).with_name(name))


def main() -> None:
    """Measure what is missing, decide, pack the bundles, write the page."""
    asked = argparse.ArgumentParser(description="Measure the token pruning study.")
    asked.add_argument("--root", type=Path, help="the folder of the store (default: mlruns)")
    asked.add_argument("--output", type=Path, help="where page and archives go (default: docs/studies)")
    asked.add_argument("--tiny", action="store_true", help="two cells of a few sessions: does the way hold?")
    asked.add_argument("--only-write", action="store_true", help="measure nothing: decide and write what there is")
    options = asked.parse_args()
    root = (options.root or (TINY / "mlruns" if options.tiny else Path("mlruns"))).resolve()
    output = (options.output or (TINY if options.tiny else STUDIES)).resolve()
    planned = parts(options.tiny)
    if not options.only_write:
        for part in planned:
            measure(part, root)
            if (part.experiment, part.split) == (PRUNING, VALIDATION):
                open_holdout(root)
    output.mkdir(parents=True, exist_ok=True)
    bundles = (TINY if options.tiny else WORKING) / "bundles"
    names = list(dict.fromkeys(part.experiment for part in planned))
    there = [name for name in names if measured(name, DEVELOPMENT, root)]
    if PRUNING not in there:
        sys.exit(f"no cell of {PRUNING} was measured")
    decisions = decide(root, bundles, there)
    kept = keep(bundles, output, names, there)
    for archive in kept:
        if run([command("ace-verify"), str(archive)]):
            sys.exit(f"{archive} does not verify")
    evidence = evidence_of_the_claim(root)
    before, asked_of = before_registering(evidence), [part.planned for part in planned]
    agreed = together(decisions, bundles)
    text = study_page(decisions, before, asked_of, loads_of(evidence), history_of(evidence), agreed)
    (output / f"{PRUNING}.md").write_text(text, encoding="utf-8")
    print(f"written: {', '.join(map(str, [output / f'{PRUNING}.md', *kept]))}")


if __name__ == "__main__":
    main()
