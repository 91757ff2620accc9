"""Python's collector of garbage, kept from the evidence: used by the commands that read a store or a bundle.

A thousand records are millions of small objects that all live to the end: to look them over for garbage again and again
takes as long as reading them.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_resting() -> Iterator[None]:
    """Within it no garbage is looked for."""
    resting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if resting:
            gc.enable()
