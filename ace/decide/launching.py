"""Jobs as the fewest commands that can be pasted: full products of values as one sweep each.

Below `commands`, which says what each job is. What a stranger's sweep declares comes here too: however many jobs there
are, and however long their numbers, the answer is short and soon.
"""

import math
import shlex
from collections import Counter
from collections.abc import Sequence

LAUNCH = "python launch.py"
MANY = 8  # values of one key: fewer are read more easily as a list
DIGITS = 18  # of a number: a longer one is a text like others
MOST_PARTS = 50  # commands in one line: more are nobody's to paste, and what is left out is named when these are done
MOST_READ = 1_000_000  # overrides looked at in search of products: past it each job is a command of its own


def launch(jobs: Sequence[dict[str, str]], multirun: bool = False) -> str:
    """One command where the jobs are a full product of values, else several joined by `&&`, at most MOST_PARTS. How
    many jobs those leave out is said behind them, by a command that only says so."""
    commands: dict[str, None] = {}
    waiting, read = [jobs] if jobs else [], 0
    while waiting and len(commands) < MOST_PARTS:
        some = waiting.pop()
        read += sum(map(len, some))
        parts = _parts(some) if read <= MOST_READ else [[job] for job in some]
        if len(parts) > 1:
            waiting += reversed(parts)
        else:
            commands[_command(some, multirun)] = None
    left = sum(map(len, waiting))
    told = [f"echo {shlex.quote(f'{left} more to run: ask again when these are done')}"] if left else []
    return " && ".join([*commands, *told])


def _parts(jobs: Sequence[dict[str, str]]) -> list[Sequence[dict[str, str]]]:
    """The jobs by their values of the key that has the fewest, and all of them together where they are a full product.
    Where they differ in what they name and not in a value, each by itself."""
    values: dict[str, set[str]] = {}
    named: Counter[str] = Counter()
    for job in jobs:
        named.update(job.keys())
        for key, value in job.items():
            values.setdefault(key, set()).add(value)
    alike = all(times == len(jobs) for times in named.values())
    if alike and math.prod(map(len, values.values())) == len({tuple(job[key] for key in values) for job in jobs}):
        return [jobs]
    for key, times in named.items():
        if times < len(jobs):
            values[key].add("")
    varied = [key for key in values if len(values[key]) > 1]
    if not varied:
        return [[job] for job in jobs]
    chosen = min(varied, key=lambda key: len(values[key]))
    parts: dict[str, list[dict[str, str]]] = {}
    for job in jobs:
        parts.setdefault(job.get(chosen, ""), []).append(job)
    return list(parts.values())


def _command(jobs: Sequence[dict[str, str]], multirun: bool) -> str:
    """The one command for jobs that are a full product."""
    values = {key: list(dict.fromkeys(job[key] for job in jobs)) for key in jobs[0]}
    multirun = multirun or any(len(several) > 1 for several in values.values())
    words = [shlex.quote(f"{key}={_swept(several)}") for key, several in values.items()]
    return " ".join([LAUNCH, *(["-m"] if multirun else []), *words])


def _swept(values: Sequence[str]) -> str:
    """`1,2,4` in the grammar of Hydra's sweeps, and `range(16,56,4)` for many whole numbers in even steps."""
    if len(values) < MANY or not all(map(_counted, values)):
        return ",".join(values)
    numbers = [int(value) for value in values]
    step = numbers[1] - numbers[0]
    if step < 1 or numbers != list(range(numbers[0], numbers[0] + step * len(numbers), step)):
        return ",".join(values)
    return f"range({numbers[0]},{numbers[-1] + 1}{f',{step}' if step > 1 else ''})"


def _counted(value: str) -> bool:
    """Whether it is a whole number as one writes it."""
    return len(value) <= DIGITS and value.isdecimal() and str(int(value)) == value
