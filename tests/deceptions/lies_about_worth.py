"""Lies about what the gain is worth: needed or not, paid for with quality, tail, memory or one-off costs."""

from dataclasses import replace

import numpy as np

from ace.domain.plan import NATURAL, ExecutorSpec
from ace.domain.quality import Agreement, Slices
from ace.domain.record import CellRecord
from ace.domain.session import CANDIDATE, Session
from ace.domain.verdict import Verdict
from tests.deceptions.case import Case, Told
from tests.deceptions.changes import of_arm, of_plan, sessions, timed, using_memory
from tests.deceptions.way import PRUNING, Change, Idea, walk
from tests.unit.decide import builders as b
from tests.unit.decide.table import GAIN

INCONCLUSIVE, INVALID = Verdict.INCONCLUSIVE, Verdict.INVALID
NO_GAIN, HARM, COMPLEX = Verdict.REJECTED_NO_GAIN, Verdict.REJECTED_HARM, Verdict.PROMISING_BUT_COMPLEX
DEVELOPMENT, VALIDATION, HOLDOUT = "development", "validation", "holdout"


def lie(change: Change, idea: Idea = PRUNING) -> Told:
    return Told(walk(idea, change).evidence())


def on(split: str, change: Change) -> Told:
    return Told(walk(lie=change, on=(split,)).evidence())


def rival_scoring(name: str, difference: float) -> Change:
    """On development a rival is as good as that."""

    def change(record: CellRecord) -> CellRecord:
        scores = b.scored(difference, changed=0.12)
        scores = replace(scores, inputs_digest=record.quality.inputs_digest) if record.quality else scores
        found = tuple(replace(r, quality=scores) if r.name == name else r for r in record.rivals)
        return replace(record, rivals=found)

    return change


def rival_gaining(name: str, more: float) -> Change:
    """A rival that is so much faster than it was (a log)."""

    def change(walls: dict[str, np.ndarray], _: np.random.Generator, __: Session) -> None:
        if name in walls:
            walls[name] = walls[name] * np.exp(-more)

    return timed(change)


def without_rival(name: str) -> Change:
    def bare(session: Session) -> Session:
        return replace(
            session,
            timings=tuple(t for t in session.timings if t.arm != name),
            order=tuple(tuple(arm for arm in row if arm != name) for row in session.order),
            witness=tuple(w for w in session.witness if w.arm != name),
        )

    def change(record: CellRecord) -> CellRecord:
        plan = replace(record.plan, rivals=tuple(rival for rival in record.plan.rivals if rival.name != name))
        kept = tuple(rival for rival in record.rivals if rival.name != name)
        return sessions(bare)(replace(record, plan=plan, rivals=kept))

    return change


def made_by(name: str, target: str) -> Change:
    """A rival of the right name that somebody else wrote."""

    def change(record: CellRecord) -> CellRecord:
        rivals = tuple(
            replace(rival, executor=ExecutorSpec(target, ())) if rival.name == name else rival
            for rival in record.plan.rivals
        )
        return of_plan(rivals=rivals)(record)

    return change


def chance_with_fewer_tokens(session: Session) -> Session:
    seen = tuple(replace(w, tokens_per_layer=(20,) * 6) if w.arm == "random" else w for w in session.witness)
    return replace(session, witness=seen)


ON_NATURAL = replace(PRUNING, inputs=NATURAL, gains=(*PRUNING.gains, ("unpadded", 0.04)))


def natural() -> Told:
    return Told(walk(ON_NATURAL).evidence())


def lost(points: float, changed: float = 0.1, n: int = 1000) -> Change:
    """The candidate answers so much worse, or n documents are all that was scored."""

    def change(record: CellRecord) -> CellRecord:
        was = record.quality
        assert was is not None
        made = replace(b.scored(-points, n=n, changed=changed), inputs_digest=was.inputs_digest)
        return replace(record, quality=made, documents=record.documents[:n])

    return change


def handful(n: int) -> Told:
    """So few documents, of which none is lost, on validation and holdout."""
    return Told(walk(lie=lost(0.0, 0.0, n), on=(VALIDATION, HOLDOUT)).evidence())


def one_class_lost(record: CellRecord) -> CellRecord:
    """Of ten classes one is lost; the others make up for it, and the whole is as good as before."""
    assert record.quality is not None
    n = len(record.quality.baseline)
    part = tuple(i % 10 for i in range(n))
    baseline = tuple(0.0 if i % 4 == 3 else 1.0 for i in range(n))
    candidate = tuple(
        (0.0 if i % 20 else 1.0) if part[i] == 0 else 1.0 if not answer and i % 5 == 1 else answer
        for i, answer in enumerate(baseline)
    )
    scores = replace(record.quality, baseline=baseline, candidate=candidate)
    slices = (Slices("class", tuple(f"c{i}" for i in range(10)), part),)
    return replace(record, quality=scores, slices=slices)


def not_scored(record: CellRecord) -> CellRecord:
    bare = sessions(lambda s: replace(s, checks=tuple(replace(c, scored_error=None) for c in s.checks)))(record)
    return replace(bare, quality=None, quality_reason="the split has no labels")


def unnamed(record: CellRecord) -> CellRecord:
    return replace(record, documents=())


def chance_level(record: CellRecord) -> CellRecord:
    """Both arms guess: nothing can be lost where nothing is there."""
    assert record.quality is not None
    return replace(record, quality=replace(record.quality, chance=0.73))


def equivalent_with_error(error: float) -> Change:
    """Says that it computes the baseline's own numbers; they differ by so much."""

    def change(record: CellRecord) -> CellRecord:
        assert record.quality is not None
        n = len(record.quality.baseline)
        numbers = Agreement("float32", (error,) * n, (1.0,) * n, (1,) * n)
        said = sessions(lambda s: replace(s, declared_equivalent=True))(record)
        return replace(said, quality=replace(record.quality, agreement=numbers))

    return change


def same_numbers() -> Told:
    return lie(equivalent_with_error(1e-6))


def slow_tail(walls: dict[str, np.ndarray], rng: np.random.Generator, session: Session) -> None:
    """Every fourth call of the candidate takes twice as long; its median is what it was."""
    walls[CANDIDATE] = walls[CANDIDATE] * np.where(rng.permutation(len(session.order)) % 4 == 0, 2.0, 0.98)


def no_gain(walls: dict[str, np.ndarray], _: np.random.Generator, __: Session) -> None:
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(GAIN)


def slower(walls: dict[str, np.ndarray], _: np.random.Generator, __: Session) -> None:
    walls[CANDIDATE] = walls[CANDIDATE] * np.exp(GAIN + 0.1)


def dear_to_prepare(session: Session) -> Session:
    """A day of preparing for a gain that spares 3 ms a call."""
    return replace(session, prepare_s=86_400.0)


def brings_a_package(session: Session) -> Session:
    return replace(session, new_dependencies=("fastpackage",))


CASES = (
    Case("pruning that only drops padding", "On padded batches the model spared its padding is as fast.",
         ("fairness",), NO_GAIN, lambda: lie(rival_gaining("unpadded", GAIN - 0.04), ON_NATURAL),
         "unpadded:", natural),
    Case("faster than eager, not than compiled", "The baseline, compiled, is faster than the candidate.",
         ("fairness",), NO_GAIN, lambda: lie(rival_gaining("compiled", 0.15)), "compiled:"),
    Case("no better than random choice", "Tokens chosen by chance do as well at equal counts.",
         ("fairness",), NO_GAIN, lambda: on(DEVELOPMENT, rival_scoring("random", 0.04)), "random:"),
    Case("no better than truncation", "A text cut to the same cost is as fast and passes the same gates.",
         ("fairness",), NO_GAIN, lambda: on(DEVELOPMENT, rival_scoring("truncation", 0.0)), "use truncation"),
    Case("no compiled baseline", "The compiled baseline was left out.",
         ("fairness",), INCONCLUSIVE, lambda: on(DEVELOPMENT, without_rival("compiled")), "of the role compiler"),
    Case("no truncation beside it", "The simpler way was left out.",
         ("fairness",), INCONCLUSIVE, lambda: on(DEVELOPMENT, without_rival("truncation")), "of the role simpler"),
    Case("a weak rival of its own", "What is called the compiled baseline is nobody's compiler.",
         ("fairness",), INCONCLUSIVE, lambda: on(DEVELOPMENT, made_by("compiled", "mine.Slow")), "does not stand"),
    Case("a rival that spares nothing", "Truncation was set to keep everything, so that it is slow.",
         ("fairness",), INCONCLUSIVE, lambda: on(DEVELOPMENT, rival_gaining("truncation", -GAIN)), "does not spare"),
    Case("a rival that spares too much", "Truncation was set so short that its quality must fail.",
         ("fairness",), INCONCLUSIVE, lambda: on(DEVELOPMENT, rival_gaining("truncation", 0.4)), "spares more"),
    Case("chance with fewer tokens", "The random choice kept half as many tokens, so that it must lose.",
         ("fairness",), INCONCLUSIVE, lambda: on(DEVELOPMENT, sessions(chance_with_fewer_tokens)), "times as many"),
    Case("a gain that development alone shows", "On the sealed documents there is no gain.",
         ("holdout",), NO_GAIN, lambda: on(HOLDOUT, timed(no_gain))),
    Case("a gain that validation denies", "On validation the candidate is slower.",
         ("validation",), HARM, lambda: on(VALIDATION, timed(slower))),
    Case("faster by answering worse", "8 points of accuracy are lost everywhere.",
         ("quality", "validation", "holdout"), HARM, lambda: lie(lost(0.08))),
    Case("quality lost on the holdout", "8 points of accuracy are lost on the sealed documents.",
         ("holdout",), NO_GAIN, lambda: on(HOLDOUT, lost(0.08))),
    Case("a class that is lost", "One class of ten is lost while the others gain.",
         ("quality", "validation", "holdout"), HARM, lambda: lie(one_class_lost), "harmed: class c0"),
    Case("quality on a handful of examples", "Beyond development 50 documents were scored, and none was lost.",
         ("validation", "holdout"), INCONCLUSIVE, lambda: handful(50),
         "too few examples"),
    Case("quality that nobody scored", "The sealed documents have no labels.",
         ("holdout",), INCONCLUSIVE, lambda: on(HOLDOUT, not_scored), "not scored"),
    Case("documents without names", "The sealed record does not say which documents it holds.",
         ("complete",), INVALID, lambda: on(HOLDOUT, unnamed), "no document is named"),
    Case("quality of a guess", "The baseline is no better than the most frequent class.",
         ("quality", "validation", "holdout"), INCONCLUSIVE, lambda: lie(chance_level), "not known to beat chance"),
    Case("the same numbers, it says", "A candidate declares the baseline's numbers and differs by one in a hundred.",
         ("quality", "validation", "holdout"), HARM, lambda: lie(equivalent_with_error(1e-2)), "relative error",
         same_numbers),
    Case("a slow tail", "Every fourth call takes twice as long; the median does not show it.",
         ("guardrails",), HARM, lambda: lie(timed(slow_tail)), "p90 latency"),
    Case("more memory", "The candidate needs a third more memory.",
         ("guardrails",), HARM, lambda: lie(using_memory(270.0)), "peak memory"),
    Case("dearer to prepare than it spares", "A day of preparing for a million calls that each spare 3 ms.",
         ("overhead",), NO_GAIN, lambda: lie(sessions(dear_to_prepare))),
    Case("parameters added", "The candidate has a tenth more parameters.",
         ("complexity",), COMPLEX, lambda: lie(of_arm(parameters=24_200_000)), "parameters +10.0 %"),
    Case("a new dependency", "The candidate imports a package that nobody has.",
         ("complexity",), COMPLEX, lambda: lie(sessions(brings_a_package)), "fastpackage"),
)  # fmt: skip
