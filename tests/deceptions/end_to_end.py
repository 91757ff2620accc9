"""Deceptions and honest controls as real candidates on the real model: launched, stored, decided, read back.

The executors lie in a user's folder outside the repository, each with a YAML of its own, as docs/first-idea.md shows.
The cases of one launch share a sweep and an experiment. `run` goes on where a run in the same folder was broken off;
the slow tests give it an empty one, `python -m tests.deceptions --end-to-end FOLDER` any.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ace.domain.finding import Outcome, Severity
from ace.domain.verdict import Regime
from ace.domain.wording import percent_within

REPOSITORY = Path(__file__).resolve().parents[2]
EXECUTORS = ("deceiving", "hiding", "misbehaving", "slowing_clock")
"""Modules of tests/integration that are copied into the user's package."""
PACKAGE, CONFIG = "theirs", "their_conf"
SETTINGS = ("seq_len=64", "protocol=quick", "inputs.rivals=null")
MANY_S = 1500
OF_MEASUREMENT = ("frozen", "integrity", "complete", "parity", "instrument", "provenance", "coverage")
"""Gates about how it was measured; what the others answer is about the idea."""


@dataclass(frozen=True)
class Trial:
    """One candidate. `target`: its import path. `named`: gates and rules of which each must name it; for an honest one
    none may, and `regimes` are those that its truth allows. `says`: words that must stand in what names it."""

    name: str
    what: str
    target: str
    named: tuple[str, ...] = ()
    says: str = ""
    regimes: tuple[Regime, ...] = ()
    parameters: tuple[tuple[str, object], ...] = ()

    @property
    def file(self) -> str:
        """Of its YAML, without the ending."""
        return f"{'own' if self.regimes else 'lie'}_{self.name.replace(' ', '_').replace(',', '')}"


@dataclass(frozen=True)
class Launch:
    """A sweep over executors, alike in all else. `sessions`: the fewest at which the rules can speak. `again`: whether
    the slow tests measure it too; they have three quarters of an hour for everything."""

    name: str
    sessions: int
    trials: tuple[Trial, ...]
    overrides: tuple[str, ...] = ()
    again: bool = True


def theirs(name: str, what: str, path: str, named: str, says: str) -> Trial:
    return Trial(name, what, f"{PACKAGE}.{path}", tuple(named.split(", ")), says)


def own(name: str, what: str, path: str, *regimes: Regime, **parameters: object) -> Trial:
    return Trial(name, what, f"ace.executors.{path}", (), "", regimes, tuple(parameters.items()))


FAILURE = "failure"
"""What names an executor that no session can be built on: a recorded failure instead of a gate or rule."""
FASTER, SLOWER, SAME = Regime.POSITIVE, Regime.COLLAPSE, Regime.BOUNDARY
SEEN_AT_ONCE = (
    theirs("fills later", "Returns half an answer; a thread puts it right.", "deceiving.FillsLater", "late work",
           "outputs changed"),
    theirs("slows a function of torch", "Its prepare puts a slower gelu into torch.", "deceiving.PatchesTorch",
           "touched baseline", "functional.gelu"),
    theirs("listens to torch", "A mode sees every call of torch and slows those of others.", "hiding.ListensToTorch",
           "touched baseline", "torch function modes"),
    theirs("slows the clock", "Its module halves time.perf_counter.", "slowing_clock.SlowsTheClock", "clock",
           "time.perf_counter"),
    theirs("takes threads", "A second thread in its calls, given back in the end.", "deceiving.TakesThreads", "parity",
           "threads"),
    theirs("masks", "Declares that half of the tokens are dropped, and handles all.", "deceiving.Masks",
           "mechanism absent", "tokens per layer declared"),
    theirs("skips when timed", "Reads a quarter of its input in timed calls.", "deceiving.SkipsWhenTimed",
           "timed is not scored", "kept outputs differ"),
    theirs("ends its process", "Calls os._exit in prepare.", "misbehaving.Dies", FAILURE, "exited with code 7"),
    theirs("forks", "Forks in a call; both processes go on.", "misbehaving.ForksWhenTimed", FAILURE,
           "forked the process"),
    theirs("slows the baseline by a hook", "Hooks into the baseline from its fifth timed call on.",
           "misbehaving.ChangesBaselineLater", FAILURE, "changed the baseline model"),
)  # fmt: skip
SEEN_OVER_SESSIONS = (
    theirs("works on", "Returns, and leaves a thread that works.", "deceiving.WorksOn", "late work",
           "work outside a call"),
    theirs("remembers elsewhere", "Keeps the answers of the scoring pass on disk.", "deceiving.RemembersElsewhere",
           "disguise", "disguised call"),
    theirs("remembers by parts", "The same, under each fourth of a text's tokens.", "hiding.RemembersByParts",
           "disguise", "disguised call"),
    theirs("leaves a child", "Starts a process that works while arms are timed.", "deceiving.LeavesChild", "late work",
           "children left"),
    theirs("knows the timer", "Takes its time wherever the timer is not on the stack.", "deceiving.KnowsTheTimer",
           "disguise", "disguised call"),
    theirs("reads half", "Reads half of its input and says nothing.", "deceiving.ReadsHalf", "truncated",
           "replaced tokens"),
    theirs("sham wins", "Saves nothing; its sham is a part of the model.", "deceiving.ShamWins", "sham wins",
           "the sham gains"),
)  # fmt: skip
SEEN_OVER_TEN_SESSIONS = (
    theirs("caches", "Answers a repeated input from memory.", "deceiving.Caches", "cached", "repeated input"),
    theirs("slows the baseline", "Slows a function of torch that no seal covers, and not for its own calls.",
           "deceiving.SlowsTheBaseline", "touched baseline", "slower than before"),
)  # fmt: skip
NOTHING_AND_PLANTED = (
    own("the same program twice", "A/A.", "identity.Identity", SAME),
    own("planted gain", "10 % more work in the baseline.", "planted.Planted", FASTER, share=0.1, arm="baseline"),
    own("planted loss", "10 % more work in the candidate.", "planted.Planted", SLOWER, share=0.1, arm="candidate"),
)
FEWER_OPERATIONS = (
    own("token pruning", "Keep .7 by CLS.", "token_pruning.TokenPruning", FASTER, keep_ratio=0.7, prune_at=[0.17, 0.5]),
    own("low rank", "Feed-forward at half rank: the answers suffer.", "low_rank.LowRank", SLOWER, rank_ratio=0.5),
)  # fmt: skip
FUSED = (own("compiled", "torch.compile.", "compiler_fusion.CompilerFusion", FASTER),)
FEW = ("split.examples=200",)
LAUNCHES = (
    Launch("seen_at_once", 2, SEEN_AT_ONCE, FEW),
    Launch("seen_over_sessions", 5, SEEN_OVER_SESSIONS, FEW, again=False),
    Launch("seen_over_ten_sessions", 10, SEEN_OVER_TEN_SESSIONS, FEW, again=False),
    Launch("nothing_and_planted", 8, NOTHING_AND_PLANTED),
    Launch("fewer_operations", 8, FEWER_OPERATIONS, again=False),
    Launch("honest_ideas", 8, FUSED, again=False),
)


@dataclass(frozen=True)
class Seen:
    """What decision.json says of one trial. `named`: gates that fail and rules that block; `open`: those of them, and
    of the rules that leave a cell unresolved, that deny it an answer. `gain`: a log, with its interval."""

    trial: Trial
    verdict: str
    regime: str | None
    gain: tuple[float, float, float] | None
    named: tuple[str, ...]
    open: tuple[str, ...]
    words: str

    @property
    def as_meant(self) -> bool:
        """A deception is named by what is meant to name it; an honest control by nothing, and answered."""
        if self.trial.regimes:
            answered = (self.regime in self.trial.regimes or self._no_gain_beside_0) and not self.open
            return answered or self._too_wide_to_say
        return self.verdict not in ("ACCEPTED", "ACCEPTED_WITHIN_ENVELOPE") and (
            set(self.trial.named) <= set(self.named) and self.trial.says in self.words
        )

    @property
    def _no_gain_beside_0(self) -> bool:
        """A/A whose interval lies beside 0, as chance puts one in twenty, with a gain worth having ruled out by it: an
        edge, or slower by less than would be harm. What may not come out is a claim of either kind."""
        neither = self.regime in (Regime.EDGE, Regime.UNRESOLVED)
        return self.trial.regimes == (SAME,) and neither and self.verdict == "REJECTED_NO_GAIN"

    @property
    def _too_wide_to_say(self) -> bool:
        """A/A on a machine that is too noisy to be asked: nothing but its width leaves the interval open, 0 lies in it,
        and nothing is claimed. What other measures than noise would be needed for is no such answer."""
        if self.trial.regimes != (SAME,) or self.gain is None:
            return False
        _, low, high = self.gain
        return self.open == ("imprecise",) and low <= 0 <= high and self.verdict in ("REJECTED_NO_GAIN", "INCONCLUSIVE")


def lay_out(folder: Path) -> None:
    """The user's folder: a package and a configuration."""
    package, configuration = folder / PACKAGE, folder / CONFIG / "executor"
    package.mkdir()
    configuration.mkdir(parents=True)
    (package / "__init__.py").touch()
    for module in EXECUTORS:
        shutil.copy(REPOSITORY / "tests" / "integration" / f"{module}.py", package)
    for trial in (trial for launch in LAUNCHES for trial in launch.trials):
        lines = [f"_target_: {trial.target}", *(f"{key}: {json.dumps(value)}" for key, value in trial.parameters)]
        (configuration / f"{trial.file}.yaml").write_text("\n".join(lines) + "\n")


def measure(launch: Launch, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """launch.py over all its executors."""
    executors = ",".join(trial.file for trial in launch.trials)
    named = (f"experiment.name={launch.name}", f"protocol.sessions={launch.sessions}", f"executor={executors}")
    script = str(REPOSITORY / "launch.py")
    command = [sys.executable, script, "-m", "--config-dir", CONFIG, *SETTINGS, *launch.overrides, *named]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=MANY_S)


def decide(launch: Launch, folder: Path, environment: dict[str, str]) -> list[Seen]:
    """ace-decide over the experiment; what each claim's decision.json says."""
    command = [sys.executable, "-c", "from ace.cli.decide import main; main()", "--experiment", launch.name]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=True)
    decided = folder / "decisions"
    files = [decided / launch.name / "decision.json", *decided.glob(f"{launch.name}.claims/*/decision.json")]
    read = [json.loads(file.read_text()) for file in files]
    by_job = {attempt["job"]: decision for decision in read for attempt in decision["attempts"]}
    return [seen_in(trial, _of(trial, by_job)) for trial in launch.trials]


def _of(trial: Trial, by_job: dict[str, Any]) -> Any:
    [decision] = [decision for job, decision in by_job.items() if f"executor={trial.file}" in job.split(",")]
    return decision


def seen_in(trial: Trial, decision: Any) -> Seen:
    """A decision in short."""
    gates = [f for f in decision["gates"] if f["outcome"] == Outcome.FAIL]
    fires = [f for f in decision["findings"] if f["outcome"] == Outcome.FAIL and f["severity"] != Severity.WARN]
    telling = [*(f for f in fires if f["severity"] == Severity.BLOCK), *gates]
    names, words = [f["name"] for f in telling], [f["evidence"] for f in telling]
    cell = decision["cells"][0] if decision["cells"] else None
    if cell is None:  # gate complete passes a failure that has a reason, and tells it
        names.append(FAILURE)
        words += [f["evidence"] for f in decision["gates"] if f["name"] == "complete"]
    denying = [f["name"] for f in (*fires, *gates) if f in fires or f["name"] in OF_MEASUREMENT]
    return Seen(
        trial=trial,
        verdict=decision["verdict"],
        regime=cell and cell["regime"],
        gain=None if cell is None or cell["low"] is None else (cell["gain"], cell["low"], cell["high"]),
        named=tuple(dict.fromkeys(names)),
        open=tuple(dict.fromkeys(denying)),
        words=" | ".join(words),
    )


def run(folder: Path, launches: Sequence[Launch] = LAUNCHES) -> Iterator[Seen]:
    """All of it; a launch that has left its words in the folder is not made again."""
    environment = {**os.environ, "ACE_CACHE_DIR": str(folder / "cache")}
    if not (folder / PACKAGE).exists():
        lay_out(folder)
    for launch in launches:
        words = folder / f"{launch.name}.log"
        if not words.exists():
            done = measure(launch, folder, environment)
            words.write_text(done.stdout + done.stderr, encoding="utf-8")
        yield from decide(launch, folder, environment)


def rows(measured: Iterable[Seen]) -> Iterator[str]:
    """The table of docs/deceptions.md."""
    found = tuple(measured)
    yield "| case | what it does | must be named by | named in decision.json | verdict |"
    yield "|---|---|---|---|---|"
    for seen in (s for s in found if not s.trial.regimes):
        trial, told = seen.trial, f"{', '.join(seen.named)} | {seen.verdict}{_mark(seen)}"
        yield f"| {trial.name} | {trial.what} | {', '.join(trial.named)} | {told} |"
    yield ""
    yield "| honest | truth | answer | gain (95 % interval) | what denies an answer |"
    yield "|---|---|---|---|---|"
    for seen in (s for s in found if s.trial.regimes):
        gain = percent_within(*seen.gain) if seen.gain else "none"
        told = f"{seen.regime}{_mark(seen)} | {gain} | {', '.join(seen.open)}"
        yield f"| {seen.trial.name} | {seen.trial.what} | {told} |"


def _mark(seen: Seen) -> str:
    return "" if seen.as_meant else " **not so**"
