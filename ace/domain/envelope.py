"""Where an accepted claim may be served: `envelope.json`, made by `ace.decide.envelope`, enforced by `ace.guard`.

It names what must be equal before anything measured may be relied on (weights, processor, libraries, number types) and
until when. `envelope_text` and `read_envelope` are the file: one that was edited by hand, is of another version or is
empty reads as an envelope with a `problem`, which admits nothing.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from ace.domain.canonical import canonical_json, digest
from ace.domain.decode import decode
from ace.domain.parsing import MOST_BYTES, parse_json
from ace.domain.plan import Shape
from ace.domain.serial import LATER, encode
from ace.domain.verdict import Verdict
from ace.errors import EvidenceError

ENVELOPE_SCHEMA_VERSION = 1
ACCEPTING = (Verdict.ACCEPTED, Verdict.ACCEPTED_WITHIN_ENVELOPE)


@dataclass(frozen=True, slots=True)
class Bound:
    """What must be equal where the candidate is served. `weights`: digest of the baseline's weights in memory, as
    `ace.models.digests.weights_digest` takes it; `torch`: its version; `number_types`: that the baseline's weights are
    stored in; `attention`: kernels that the baseline's attention was seen to run; `cuda`: the CUDA version that torch
    was built for, None on a processor and where the record does not say. No session records the driver."""

    weights: str
    cpu_model: str
    device: str
    threads: int
    torch: str
    number_types: tuple[str, ...]
    attention: tuple[str, ...]
    cuda: str | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A shape for which the claim was accepted, and what it gains on sealed documents: logs with a two-sided interval;
    None where they were not opened."""

    shape: Shape
    gain: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """`measured`: every shape that was tried on any split, also where nothing came of it; a shape between them is
    admitted only where all corners of its grid cell are. `padded`: whether inputs with padding were measured. `unsafe`:
    exported although the verdict accepts nothing. `bound` is None where nothing was measured. `measured_at`: when
    the newest measurement ended, before which no clock can be right; None in files from before it was written.
    `problem`: why a file cannot be relied on; never written."""

    schema_version: int
    experiment: str
    claim: str
    label: str
    verdict: Verdict
    unsafe: bool
    registration: str | None
    admitted: tuple[Admitted, ...]
    measured: tuple[Shape, ...]
    padded: bool
    bound: Bound | None
    expires_at: float
    problem: str | None = None
    measured_at: float | None = field(default=None, metadata=LATER)

    @classmethod
    def load(cls, path: str) -> "Envelope":
        """The envelope in a file; one whose content cannot be relied on has a `problem`.

        Raises EvidenceError where there is no such file.
        """
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return read_envelope(file.read(MOST_BYTES + 1))  # a device has no end
        except OSError as error:
            raise EvidenceError(f"the envelope {path} cannot be read: {error}") from error


def envelope_text(envelope: Envelope) -> str:
    """Canonical JSON with the digest of its own content, so that an edit by hand is seen."""
    content = _content(envelope)
    return canonical_json({**content, "digest": digest(content)})


def read_envelope(text: str) -> Envelope:
    """What a file says, with `problem` where that is not to be relied on."""
    try:
        made = parse_json(text)
        if not isinstance(made, dict):
            raise EvidenceError("not a JSON object")
        version = made.get("schema_version")
        if version != ENVELOPE_SCHEMA_VERSION:
            raise EvidenceError(f"schema {version!r:.20}; this version reads {ENVELOPE_SCHEMA_VERSION}")
        said = made.pop("digest", None)
        envelope = decode(Envelope, {**made, "problem": None})
        if said != digest(_content(envelope)):
            raise EvidenceError("its digest is not that of its content: it was edited")
    except ValueError as error:
        return replace(NOTHING, problem=f"the envelope cannot be relied on: {error}")
    return envelope


def _content(envelope: Envelope) -> dict[str, Any]:
    content: dict[str, Any] = encode(envelope)
    del content["problem"]
    return content


NOTHING = Envelope(
    ENVELOPE_SCHEMA_VERSION, "", "", "", Verdict.INCONCLUSIVE, False, None, (), (), False, None, 0.0, "no envelope"
)
"""Admits nothing."""
