"""What was scored, document by document: how good the answers of both arms are, and how nearly the same.

Part of a CellRecord. Made by `ace.quality` where the labels are, judged by `ace.decide.quality`; raw scores are kept
for ever, and nothing here is a conclusion.
"""

from dataclasses import dataclass


def require_valid(condition: bool, text: str) -> None:
    """Raise ValueError unless `condition`: a record that exists is valid."""
    if not condition:
        raise ValueError(text)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How nearly the candidate's numbers are the baseline's, one entry a document.

    `relative_error`: largest |difference| over the largest |output| of the baseline. `ulps`: median over the outputs of
    their distance in units in the last place of `dtype` (Goldberg 1991). `same_answer`: 1 where both arms name the
    same class (by their logits, or by one and the same probe), else 0.
    """

    dtype: str
    relative_error: tuple[float, ...]
    ulps: tuple[float, ...]
    same_answer: tuple[int, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.relative_error), len(self.ulps), len(self.same_answer)}
        require_valid(len(lengths) == 1, f"agreement: different numbers of examples: {sorted(lengths)}")
        require_valid(all(e >= 0 for e in (*self.relative_error, *self.ulps)), "agreement: a negative distance")
        require_valid(set(self.same_answer) <= {0, 1}, "agreement: an answer is the same (1) or not (0)")


@dataclass(frozen=True, slots=True)
class Quality:
    """Per-example scores of both arms on the same documents, in the same order.

    `baseline`, `candidate`: score of each example in [0, 1] (1 = the probe, fitted without it, was right).
    `cosine`: of the candidate's embedding to the dense one. `chance`: what an answer that knows nothing but the labels'
    frequencies scores, the share of the largest class. `agreement` is None for rivals.
    """

    metric: str
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    cosine: tuple[float, ...]
    chance: float
    labels_digest: str
    inputs_digest: str
    agreement: Agreement | None = None

    def __post_init__(self) -> None:
        require_valid(0 <= self.chance <= 1, f"quality: a chance level of {self.chance}")
        scores = {*self.baseline, *self.candidate}  # most are 0 or 1
        require_valid(all(0 <= score <= 1 for score in scores), "quality: a score outside [0, 1]")
        lengths = {len(self.baseline), len(self.candidate), len(self.cosine)}
        require_valid(len(lengths) == 1, f"quality: the arms have different numbers of examples: {sorted(lengths)}")
        compared = len(self.baseline) if self.agreement is None else len(self.agreement.ulps)
        require_valid(compared == len(self.baseline), f"quality: {compared} documents compared of {len(self.baseline)}")


@dataclass(frozen=True, slots=True)
class Slices:
    """One way to divide the scored documents, such as by class or by length: harm to a part is harm.

    `of[i]` says which of `parts` document i belongs to.
    """

    name: str
    parts: tuple[str, ...]
    of: tuple[int, ...]

    def __post_init__(self) -> None:
        require_valid(all(0 <= part < len(self.parts) for part in self.of), f"slices by {self.name}: no such part")
        require_valid(len(set(self.parts)) == len(self.parts), f"slices by {self.name}: a part twice")


@dataclass(frozen=True, slots=True)
class Similarity:
    """How alike both arms find documents, beside how alike people find them.

    One entry a pair of documents, pairs in the order of (0, 1), (0, 2), ... (1, 2), ...; `human` ratings in [0, 1],
    the arms' cosines of embeddings.
    """

    metric: str
    documents: int
    human: tuple[float, ...]
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    inputs_digest: str

    def __post_init__(self) -> None:
        pairs = self.documents * (self.documents - 1) // 2
        lengths = {len(self.human), len(self.baseline), len(self.candidate)}
        require_valid(lengths == {pairs}, f"similarity: {self.documents} documents have {pairs} pairs, not {lengths}")


@dataclass(frozen=True, slots=True)
class Further:
    """A further benchmark of the split, scored beside its own: its similarities, or why there are none."""

    benchmark: str
    margin: float | None
    similarity: Similarity | None
    reason: str | None

    def __post_init__(self) -> None:
        fine = (self.similarity is None) != (self.reason is None)
        require_valid(fine, "similarity and its reason exclude each other")
