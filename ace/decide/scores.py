"""Scores of one arm over all measurements of a cell: every document counts once.

Used by `quality` and `rivals`. A cell that is measured again draws other documents of its corpus, so each measurement
adds to what is known. Documents that several of them scored are no new evidence: their mean stands for them.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from ace.domain.quality import Agreement, Quality, Slices
from ace.domain.record import CellRecord

Key = tuple[str, int]
"""A document's digest, and how many of the same text stood before it: two of one text are two examples."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What was scored, how the documents are divided, their digests, and what the benchmark says may be lost.
    `documents` is empty where a record does not name each of its examples."""

    quality: Quality
    slices: tuple[Slices, ...]
    documents: tuple[str, ...]
    margin: float | None


def scores_of(record: CellRecord, quality: Quality) -> Scores:
    """`quality`, of any arm of `record`."""
    named = len(record.documents) == len(quality.baseline)
    return Scores(quality, record.slices, record.documents if named else (), record.plan.benchmark.margin)


def joined(scored: Sequence[Scores]) -> tuple[Scores, ...]:
    """Those that can be put together as one, and the others as they are, in the order of their first."""
    alike: dict[object, list[Scores]] = {}
    for index, scores in enumerate(scored):
        apart = index if not scores.documents else None  # nobody can say which of its documents were scored before
        kind = scores.quality.metric, scores.margin, scores.quality.agreement is None
        alike.setdefault((kind, apart), []).append(scores)
    return tuple(_joined(group) if len(group) > 1 else group[0] for group in alike.values())


def _keys(documents: Sequence[str]) -> tuple[Key, ...]:
    before: Counter[str] = Counter()
    keys = []
    for document in documents:
        keys.append((document, before[document]))
        before[document] += 1
    return tuple(keys)


def _joined(group: Sequence[Scores]) -> Scores:
    places: dict[Key, list[tuple[Quality, int]]] = defaultdict(list)
    keys = [_keys(scores.documents) for scores in group]
    for scores, own_keys in zip(group, keys, strict=True):
        for index, key in enumerate(own_keys):
            places[key].append((scores.quality, index))
    own = list(places.values())
    newest = group[-1].quality
    quality = replace(
        newest,
        baseline=tuple(fmean([quality.baseline[i] for quality, i in each]) for each in own),
        candidate=tuple(fmean([quality.candidate[i] for quality, i in each]) for each in own),
        cosine=tuple(fmean([quality.cosine[i] for quality, i in each]) for each in own),
        chance=max(scores.quality.chance for scores in group),
        agreement=None if newest.agreement is None else _agreement(newest.agreement.dtype, own),
    )
    slices = _slices(group, keys, tuple(places))
    return replace(group[-1], quality=quality, slices=slices, documents=tuple(digest for digest, _ in places))


def _agreement(dtype: str, own: Sequence[Sequence[tuple[Quality, int]]]) -> Agreement:
    """How far apart the arms ever were on each document."""
    seen = [[(quality.agreement, i) for quality, i in each if quality.agreement is not None] for each in own]
    return Agreement(
        dtype,
        tuple(max(found.relative_error[i] for found, i in each) for each in seen),
        tuple(max(found.ulps[i] for found, i in each) for each in seen),
        tuple(min(found.same_answer[i] for found, i in each) for each in seen),
    )


def _slices(group: Sequence[Scores], each: Sequence[Sequence[Key]], keys: Sequence[Key]) -> tuple[Slices, ...]:
    """Ways to divide the documents that every measurement has, with parts of the same names.

    Thirds by length are drawn anew in each measurement; what has other bounds elsewhere is judged where it was drawn.
    """
    made = []
    for first in group[0].slices:
        alike = [slices for scores in group for slices in scores.slices if (slices.name, slices.parts) == _named(first)]
        if len(alike) == len(group):
            part = {
                key: of
                for own, slices in zip(each, alike, strict=True)
                for key, of in zip(own, slices.of, strict=True)
            }
            made.append(Slices(first.name, first.parts, tuple(part[key] for key in keys)))
    return tuple(made)


def _named(slices: Slices) -> tuple[str, tuple[str, ...]]:
    return slices.name, slices.parts
