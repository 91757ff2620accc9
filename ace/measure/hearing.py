"""What a worker prints: its first and its last words are kept, however many lie between.

Filled by `processes` from a pipe, not written to a file by the worker itself: an executor that prints for ever would
fill the disk. The parent wakes for it, so whoever prints in timed calls pays for that; nobody else does.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

HEAD_BYTES = TAIL_BYTES = 64 * 1024
READ_BYTES = 1 << 16  # as much as a pipe holds (pipe(7))
LAST_READS = 16  # after the worker's end: something that it started may still write, and need not be listened to


@dataclass(slots=True)
class Words:
    """`said`: bytes heard in all."""

    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    said: int = 0

    def hear(self, some: bytes) -> None:
        """Add what was just said."""
        self.said += len(some)
        room = HEAD_BYTES - len(self.head)
        self.head += some[:room]
        self.tail += some[room:]
        del self.tail[:-TAIL_BYTES]

    def hear_out(self, pipe: int) -> None:
        """Add what still lies in the pipe."""
        os.set_blocking(pipe, False)
        for _ in range(LAST_READS):
            try:
                some = os.read(pipe, READ_BYTES)
            except BlockingIOError:
                return
            if not some:
                return
            self.hear(some)

    @property
    def left_out(self) -> int:
        """Bytes between the first and the last words."""
        return self.said - len(self.head) - len(self.tail)

    def last(self, characters: int) -> str:
        """The last words."""
        return bytes(self.head + self.tail)[-characters:].decode(errors="replace").strip()

    def write(self, path: Path) -> None:
        """All that was kept, and how much is missing between."""
        gap = f"\n... {self.left_out} bytes left out ...\n".encode() if self.left_out else b""
        path.write_bytes(bytes(self.head) + gap + bytes(self.tail))
