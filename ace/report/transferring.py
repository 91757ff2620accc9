"""How a gain travels from development to sealed documents, as rows and sentences for memo and page.

Every number stands in the decision (`ace.domain.transfer`); nothing is estimated here.
"""

from collections.abc import Iterator

from ace.domain.decision import Decision
from ace.domain.transfer import Gap, SplitGain, Transfer
from ace.domain.wording import percent_within, points_within

TRANSFER_HEAD = ("cell", "from", "to", "gain before", "gain after", "lost, log points", "quality lost", "what differs")
SPREAD_HEAD = ("cell", "split", "session", "pair", "input", "quality", "most of the uncertainty")
PARTS_HEAD = ("cell", "part", "development", "validation", "holdout")
SPREAD = (
    "What makes a cell uncertain: the standard error of its gain, split by analysis of variance into what differs "
    "between processes (session), between neighbouring timings of one program (pair) and between documents beyond that "
    "(input), beside that of its quality. The largest is named by what it is held against: the smallest gain worth "
    "having, and the quality that may be lost."
)
LEAST_WORK = 5e-4  # log: what is less shows as 0
ONE_SPLIT = "Only one split was measured: whether the gain travels is not known."


def transfer_lines(decision: Decision) -> list[str]:
    """One sentence a cell about its longest way; empty where nothing travelled."""
    ways = [(transfer, transfer.whole or transfer.gaps[-1]) for transfer in decision.transfer if transfer.gaps]
    return [_sentence(transfer, gap, decision) for transfer, gap in ways]


def _sentence(transfer: Transfer, gap: Gap, decision: Decision) -> str:
    text = f"{_name(transfer, decision)}, {gap.before} to {gap.after}: {_gain_gap(gap)} log points of gain lost"
    seen = gap.work_log is not None and abs(gap.work_log) >= LEAST_WORK
    work = f" (FLOPs alone: {100 * (gap.work_log or 0.0):+.1f})" if seen else ""
    quality = "" if gap.quality is None else f"; quality lost {_quality_gap(gap)}"
    return f"{text}{work}{quality}; what differs: {gap.cause}"


def transfer_rows(decision: Decision) -> list[tuple[str, ...]]:
    """One row a step between splits, under TRANSFER_HEAD."""
    rows: list[tuple[str, ...]] = []
    for transfer in decision.transfer:
        splits = {found.split: found for found in transfer.splits}
        rows += [
            (
                _name(transfer, decision),
                gap.before,
                gap.after,
                _gain(splits[gap.before]),
                _gain(splits[gap.after]),
                _gain_gap(gap),
                _quality_gap(gap),
                str(gap.cause),
            )
            for gap in transfer.gaps
        ]
    return rows


def spread_rows(decision: Decision) -> list[tuple[str, ...]]:
    """One row a cell and split, under SPREAD_HEAD."""
    return [
        (_name(transfer, decision), found.split, *_errors(found), found.spread.dominant or "not known")
        for transfer in decision.transfer
        for found in transfer.splits
    ]


def part_rows(decision: Decision) -> list[tuple[str, ...]]:
    """One row a part that several splits have, under PARTS_HEAD."""
    rows: list[tuple[str, ...]] = []
    for transfer in decision.transfer:
        for part in transfer.parts:
            seen = {found.split: found for found in part.splits}
            told = [
                f"{100 * seen[split].difference:+.1f} points, at most {100 * seen[split].ucb:+.1f} (n={seen[split].n})"
                if split in seen
                else "not there"
                for split in PARTS_HEAD[2:]
            ]
            rows.append((_name(transfer, decision), part.name, *told))
    return rows


def _name(transfer: Transfer, decision: Decision) -> str:
    """With hidden and depth where the map has more than one size of model."""
    shape = transfer.shape
    several = len({(cell.hidden, cell.depth) for cell in decision.cells}) > 1
    return f"{shape} h{shape.hidden} d{shape.depth}" if several else str(shape)


def _gain(found: SplitGain) -> str:
    return percent_within(found.gain, found.low, found.high)


def _gain_gap(gap: Gap) -> str:
    """In hundredths of a log, which are percent while they are small."""
    return f"{100 * gap.gain:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"


def _quality_gap(gap: Gap) -> str:
    if gap.quality is None:
        return "not scored on both"
    return points_within(gap.quality.value, gap.quality.low, gap.quality.high)


def _errors(found: SplitGain) -> Iterator[str]:
    spread = found.spread
    for variance in (spread.session, spread.pair, spread.input):
        yield "not known" if variance is None else f"{100 * variance**0.5:.2f} %"
    yield "not scored" if spread.quality is None else f"{100 * spread.quality**0.5:.2f} points"
