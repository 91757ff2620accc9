"""What the parent tells whoever watches a cell being measured; the command line shows it, tests ignore it.

Called only between workers: nothing is drawn while an arm is timed.
"""

from typing import Protocol


class Watcher(Protocol):
    """Receives the steps of a cell."""

    def stage(self, text: str) -> None:
        """A step begins, such as "tokenising" or "embedding 1000 documents"."""

    def session(self, done: int, planned: int, failed: int) -> None:
        """A session ended, well or not."""


class Silent:
    """Watches nothing."""

    def stage(self, text: str) -> None:
        """Ignore it."""

    def session(self, done: int, planned: int, failed: int) -> None:
        """Ignore it."""
