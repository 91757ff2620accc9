"""Calls of baseline and candidate outside the timed rounds, to find what a timed call alone would not show.

Called by `session` after the timed rounds, and once before the candidate is prepared. The calls go through another
function than timed ones, after a pause of random length: who recognises a timed call does not recognise these. Their
inputs are two documents in turns: who kept answers, in this process or in any other, has none of them. Both arms are
visited with the same inputs in mirrored order, and what is judged later is the candidate beyond the baseline, because a
pause cools the caches of both.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from ace.domain.probes import Untouched, Visit
from ace.domain.session import BASELINE, CANDIDATE
from ace.domain.workload import Batch, Executor
from ace.measure.arms import Arms, declared
from ace.measure.company import spent_s
from ace.measure.failing import foreign_code
from ace.measure.inputs import Inputs
from ace.measure.order import mirrored_blocks
from ace.measure.outputs import relative_error, require_embedding
from ace.measure.perturbing import NOT_AT_ALL, Tally, another_token, in_turns, moved, replaced
from ace.measure.timing import Clocks

PAIR = (BASELINE, CANDIDATE)
PAUSE_S = (0.001, 0.010)
IDLE_S = 0.02  # the window in which nothing should run: long beside the milliseconds that a thread pool spins
ROUNDS = 2  # mirrored
POSITIONS = 6  # perturbed in a session, where the budget allows
SHARE = 0.12  # of what the session has taken so far; one round is made in any case
WARM_CALLS, STEADY_CALLS = 2, 3
EVERY = 3  # sessions, one of which clocks the baseline before the candidate is prepared


def predict(module: Callable[[Any, Any], Any], batch: Batch) -> Any:
    """One call, as whoever uses the model would make it."""
    return module(batch.ids, batch.mask)


def meets_baseline_first(session: int, seed: int) -> bool:
    """Whether this is one of the sessions that clock the baseline before the candidate is prepared."""
    return session % EVERY == random.Random(f"{seed}/untouched").randrange(EVERY)


@dataclass(slots=True)
class Acquaintance:
    """The baseline by itself: the same calls before the candidate is prepared and after the timed rounds."""

    batches: Sequence[Batch]
    clocks: Clocks
    before_s: tuple[float, ...] = ()

    def meet(self, baseline: nn.Module) -> None:
        """Clock it before."""
        self.before_s = self._seconds(baseline)

    def meet_again(self, baseline: nn.Module) -> Untouched:
        """Clock it after."""
        return Untouched(self.before_s, self._seconds(baseline))

    def _seconds(self, baseline: nn.Module) -> tuple[float, ...]:
        wall, made = self.clocks.wall, []
        with torch.inference_mode():
            for _ in range(WARM_CALLS):
                predict(baseline, self.batches[0])
            for batch in self.batches:
                start = wall()
                predict(baseline, batch)
                self.clocks.settle()
                made.append(wall() - start)
        return tuple(made)


@dataclass(slots=True)
class Prober:
    """`calls`: clocked on inputs of their own in one visit, as many as a timing has. `children`: whose CPU time counts
    while nothing should run. `visits` and `tally` are what comes of it."""

    arms: Arms
    inputs: Inputs
    executor: Executor
    examples: int
    calls: int
    clocks: Clocks
    dice: random.Random
    children: Sequence[psutil.Process]
    visits: list[Visit] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    alone: bool = True  # rows of a batch are perturbed one a call until they are seen not to touch each other
    tried: int = 0

    def probe(self, budget_s: float, typical_s: Mapping[str, float]) -> None:
        """One or two rounds, then more positions while `budget_s` lasts. `typical_s`: of a timed call, by arm."""
        start = self.clocks.wall()
        round_s = sum((1 + 2 * self.calls) * typical_s[arm] + IDLE_S + sum(PAUSE_S) / 2 for arm in PAIR)
        rounds = ROUNDS if ROUNDS * round_s <= budget_s else 1
        for order in mirrored_blocks(PAIR, rounds, self.dice):
            batch, outputs = self._round(order)
        while self.tried < POSITIONS and self.clocks.wall() - start + typical_s[CANDIDATE] < budget_s:
            self._further(batch, outputs)

    def _round(self, order: Sequence[str]) -> tuple[Batch, dict[str, Tensor]]:
        """Visit the arms in `order` on the same inputs; the first of them comes perturbed before it comes whole."""
        batches = [self._unseen() for _ in range(self.calls)]
        almost, places = self._perturbed(batches[0])
        if not places:  # no other token can stand anywhere here: something else has to warm the caches
            almost = self._unseen()
        outputs, steps = {}, {}
        for arm in order:
            nearly, outputs[arm] = self.visit(arm, batches, almost)
            steps[arm] = moved(outputs[arm], nearly)
        self._count(batches[0], places, steps)
        others = [row for row in range(self.examples) if row not in places]
        self.alone = self.alone and any(bool((step[others] > NOT_AT_ALL).any()) for step in steps.values())
        return batches[0], outputs

    def _unseen(self) -> Batch:
        """Two documents in turns, with another token in one place of each: the documents themselves were embedded to be
        scored, and a candidate may keep those answers on disk, to be found again by any part of the text."""
        one, two = (self.inputs.batch(self.inputs.draw(self.examples)) for _ in range(2))
        batch = in_turns(one, two, self.dice)
        for row in range(self.examples):
            if (other := another_token(self.inputs, batch, row, self.dice)) is not None:
                batch = replaced(batch, row, *other)
        return batch

    def visit(self, arm: str, batches: Sequence[Batch], almost: Batch) -> tuple[Tensor, Tensor]:
        """Outputs of `almost` and of the first of `batches`; what was clocked goes to `visits`."""
        module, wall, settle = self.arms.modules[arm], self.clocks.wall, self.clocks.settle
        copies = [Batch(batch.ids.clone(), batch.mask.clone()) for batch in (almost, *batches)]
        self.clocks.sleep(self.dice.uniform(*PAUSE_S))
        made, fresh_s, again_s = [], 0.0, 0.0
        with foreign_code("probe", arm), torch.inference_mode():
            nearly = _kept(predict(module, copies[0]))
            settle()
            for given in copies[1:]:
                start = wall()
                first = predict(module, given)
                settle()
                fresh_s += wall() - start
                first = _kept(first)  # an arm may write its next answer into the same memory
                start = wall()
                second = predict(module, given)
                settle()
                again_s += wall() - start
                made.append((first, second))
        nearly = require_embedding(nearly, self.examples, None, "probe", arm)
        pairs = [tuple(require_embedding(o, self.examples, nearly.shape[1], "probe", arm) for o in p) for p in made]
        then = pairs[-1][1].clone()
        idle_s, busy_s = self._idle()
        self.visits.append(
            Visit(
                arm=arm,
                fresh_s=fresh_s / len(batches),
                again_s=again_s / len(batches),
                again_error=max(relative_error(second, first) for first, second in pairs),
                late_error=relative_error(pairs[-1][1], then),
                idle_s=idle_s,
                busy_s=busy_s,
            )
        )
        return nearly, pairs[0][0]

    def _idle(self) -> tuple[float, float]:
        """Seconds of a window in which nothing should run, and the CPU seconds that were spent in it all the same."""
        children_s = spent_s(self.children)
        start, cpu_start = self.clocks.wall(), self.clocks.cpu()
        self.clocks.sleep(IDLE_S)
        cpu_end, end = self.clocks.cpu(), self.clocks.wall()
        return end - start, cpu_end - cpu_start + max(0.0, spent_s(self.children) - children_s)

    def _perturbed(self, batch: Batch) -> tuple[Batch, dict[int, int]]:
        """A copy with one token replaced, in every row or in one; the places by row."""
        rows = [self.dice.randrange(self.examples)] if self.alone else range(self.examples)
        made, places = batch, {}
        for row in rows:
            if (other := another_token(self.inputs, batch, row, self.dice)) is not None:
                places[row] = other[0]
                made = replaced(made, row, *other)
        self.tried += len(rows)
        return made, places

    def _further(self, batch: Batch, outputs: Mapping[str, Tensor]) -> None:
        """More places of an input that was seen whole. The baseline is asked only where the candidate feels nothing."""
        almost, places = self._perturbed(batch)
        steps = {CANDIDATE: self._step(CANDIDATE, almost, outputs)}
        if any(steps[CANDIDATE][row] <= NOT_AT_ALL for row in places):
            steps[BASELINE] = self._step(BASELINE, almost, outputs)
        self._count(batch, places, steps)

    def _step(self, arm: str, almost: Batch, outputs: Mapping[str, Tensor]) -> Tensor:
        given = Batch(almost.ids.clone(), almost.mask.clone())
        with foreign_code("probe", arm), torch.inference_mode():
            made = predict(self.arms.modules[arm], given)
        return moved(outputs[arm], require_embedding(made, self.examples, outputs[arm].shape[1], "probe", arm))

    def _count(self, batch: Batch, places: Mapping[int, int], steps: Mapping[str, Tensor]) -> None:
        tokens = declared(self.executor, batch).tokens_per_layer
        left_out = max(0.0, 1 - tokens[0] / batch.ids.shape[1]) if tokens else 0.0
        for row in places:
            baseline = float(steps[BASELINE][row]) if BASELINE in steps else None
            self.tally.add(baseline, float(steps[CANDIDATE][row]), left_out)


def _kept(output: object) -> object:
    """A copy of its own; what is no tensor is refused later, with its name."""
    return output.clone() if isinstance(output, Tensor) else output


def typical_s(wall_s: Sequence[float]) -> float:
    """Seconds of a typical timed call."""
    return median(wall_s)
