"""A folder that is whole or absent: filled beside its place and renamed into it.

For the decision bundle and for the consensus of a family, which are folders that somebody may be reading meanwhile.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ace.errors import StoreError


@contextmanager
def placed(folder: Path, what: str, is_earlier: Callable[[Path], bool]) -> Iterator[Path]:
    """An empty folder to be filled; at the end it stands as `folder`, in place of an earlier one.

    `what` it is, for people. Raises StoreError when it cannot be written, or where something else is there already.
    """
    folder = folder.resolve()  # a link to the place is the user's; it stays, and what it leads to is replaced
    if folder.exists() and not (folder.is_dir() and (is_earlier(folder) or not any(folder.iterdir()))):
        raise StoreError(f"{folder} exists and is not a {what}; name another folder or remove it.")
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield partial
        _put_in_place(partial, folder)
    except OSError as error:
        raise StoreError(f"the {what} cannot be written to {folder}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename; an earlier one steps aside first, so that there is never half of each."""
    if not folder.exists():
        partial.rename(folder)
        return
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    folder.rename(aside)
    partial.rename(folder)
    shutil.rmtree(aside)
