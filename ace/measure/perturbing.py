"""Documents that nobody has embedded: two in turns, and single tokens replaced by others, which tells whether every
token that the baseline reads still reaches the candidate's answer.

Used by `probing`, in untimed calls. What stands in the place of a token is taken from the same place of another
document, so that it is something that can stand there: a word's id, or the packed pixels of a patch.
"""

import random
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ace.domain.probes import Perturbed
from ace.domain.workload import Batch
from ace.measure.inputs import Inputs

CLEARLY = 1e-4  # of the largest output: a baseline that moves by more has read the token
NOT_AT_ALL = 1e-6  # the least seen of honest ideas is 1e-3: nine of ten tokens dropped in the first layer, of 510
TRIES = 8
STRETCHES = 8  # of two documents in turns, or more: so every quarter of the text is of both


def replaced(batch: Batch, row: int, place: int, token: int) -> Batch:
    """A copy with another token in one place."""
    ids = batch.ids.clone()
    ids[row, place] = token
    return Batch(ids, batch.mask.clone())


def in_turns(batch: Batch, other: Batch, dice: random.Random) -> Batch:
    """Every row of `batch` with every second stretch of it taken from the same row of `other`, each of random length;
    its first and its last token, which say where a text begins and ends, stay."""
    ids, width = batch.ids.clone(), min(batch.ids.shape[1], other.ids.shape[1])
    for row in range(len(ids)):
        both = (batch.mask[row, :width] * other.mask[row, :width]).nonzero().flatten()
        inner = both[(both > 0) & (both < int(batch.mask[row].sum()) - 1)]
        longest = max(1, 2 * len(inner) // STRETCHES)
        places = inner.tolist()
        from_other = dice.random() < 0.5
        while places:
            length = dice.randint(1, longest)
            if from_other:
                ids[row, places[:length]] = other.ids[row, places[:length]]
            places, from_other = places[length:], not from_other
    return Batch(ids, batch.mask.clone())


def another_token(inputs: Inputs, batch: Batch, row: int, dice: random.Random) -> tuple[int, int] | None:
    """A random place of a real token, and another token that stands there in some document; None where none does."""
    real = batch.mask[row].nonzero().flatten().tolist()
    for _ in range(TRIES):
        place, document = dice.choice(real), dice.randrange(len(inputs.ids))
        token = int(inputs.ids[document, place])
        if inputs.mask[document, place] and token != int(batch.ids[row, place]):
            return place, token
    return None


def moved(before: Tensor, after: Tensor) -> Tensor:
    """How far each row went, of the largest output of that row.  (rows, dim), (rows, dim) -> (rows,)."""
    scale = before.abs().amax(1).clamp(min=torch.finfo(before.dtype).tiny)
    return (after - before).abs().amax(1) / scale


@dataclass(slots=True)
class Tally:
    """Positions as they are tried."""

    felt: int = 0
    blind: int = 0
    left_out: list[float] = field(default_factory=list)

    def add(self, baseline: float | None, candidate: float, left_out_share: float) -> None:
        """One position: how far each arm's output moved. `baseline` need not be known where the candidate moved."""
        feels = candidate > NOT_AT_ALL
        if not feels and (baseline is None or baseline <= CLEARLY):
            return  # nothing was there to be felt
        self.felt += 1
        self.blind += not feels
        self.left_out.append(left_out_share)

    def result(self) -> Perturbed | None:
        """None when no position was felt by either arm."""
        if not self.felt:
            return None
        return Perturbed(self.felt, self.blind, sum(self.left_out) / len(self.left_out))
