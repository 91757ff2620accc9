"""Which distributions a candidate brought along: imported since its code was, and no part of ACE's own set.

Asked once a session, after the arms are prepared; goes into the record, where gate complexity counts them.
"""

import re
import sys
from collections.abc import Set
from functools import cache
from importlib import metadata
from pathlib import Path

OWN = "ace"


def imported_names() -> frozenset[str]:
    """Top-level names of everything imported so far."""
    return frozenset(name.partition(".")[0] for name in sys.modules)


def new_distributions(before: Set[str], executor_target: str) -> tuple[str, ...]:
    """Distributions of the names imported since `before`, without the standard library, ACE, what ACE itself requires
    and the executor's own package."""
    own = {OWN, executor_target.partition(".")[0], "__main__", "__mp_main__"}
    names = imported_names() - before - own - sys.stdlib_module_names
    new = {name for name in names if not name.startswith("_") and not _vendored(name)}
    if not new:
        return ()
    homes = metadata.packages_distributions()
    found = {home for name in new for home in homes.get(name, ())}
    return tuple(sorted(home for home in found if _normal(home) not in _required_by_ace()))


def _vendored(name: str) -> bool:
    """Whether a module lies inside another distribution's folder of copies (setuptools/_vendor), and is no package."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    places = [file] if file else list(getattr(module, "__path__", ()))  # a namespace package has no file
    return bool(places) and all("_vendor" in Path(place).parts for place in places)


@cache
def _required_by_ace() -> frozenset[str]:
    """ACE and everything it requires, however deep; extras are not part of it."""
    seen: set[str] = set()
    waiting = [OWN]
    while waiting:
        name = _normal(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        waiting += [re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0] for line in required if "extra ==" not in line]
    return frozenset(seen)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
