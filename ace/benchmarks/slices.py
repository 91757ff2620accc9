"""Parts of a benchmark's documents that are looked at by themselves: an average can hide whom an idea harms.

Called by `ace.measure` in the parent, where the labels are; judged by `ace.decide.quality`.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ace.benchmarks.documents import Documents
from ace.domain.plan import CLASS
from ace.domain.quality import Slices

LENGTHS = 3  # parts of about equal size: short, middle and long documents


def slices_of(documents: Documents, asked: Sequence[str]) -> tuple[Slices, ...]:
    """The documents divided by each of `asked` (ace.domain.plan.SLICES) that divides them at all.

    Documents cut to one length have no parts by length.
    """
    made = (by_class(documents) if name == CLASS else by_length(documents) for name in asked)
    return tuple(slices for slices in made if len(set(slices.of)) > 1)


def by_class(documents: Documents) -> Slices:
    """One part a label."""
    return Slices(CLASS, documents.label_names, tuple(documents.labels.tolist()))


def by_length(documents: Documents) -> Slices:
    """Thirds by the number of tokens; documents of one length stay together, so parts may differ in size."""
    tokens = documents.mask.sum(axis=1)  # (n,)
    edges = np.unique(np.quantile(tokens, np.arange(1, LENGTHS) / LENGTHS, method="higher"))
    edges = edges[edges > tokens.min()]
    part = np.searchsorted(edges, tokens, side="right")
    bounds = [int(tokens.min()), *edges.tolist(), int(tokens.max()) + 1]
    names = tuple(f"{low} to {high - 1} tokens" for low, high in pairwise(bounds))
    return Slices("length", names, tuple(part.tolist()))
