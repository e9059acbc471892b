"""What a worker writes to a pipe, drained without ever blocking and kept within a bound."""

from __future__ import annotations

import os
from typing import Final

MAX_OUTPUT: Final = 64 << 10
_CHUNK: Final = 1 << 16
_CHUNKS_A_DRAIN: Final = 64


class Tail:
    """The reading end of a pipe."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd: int | None = fd
        self._kept = bytearray()
        self._dropped = 0

    def fileno(self) -> int | None:
        """The descriptor; None once either end is closed."""
        return self._fd

    def drain(self) -> None:
        """Take what is there, up to a bound, so that a flood cannot hold the grader."""
        for _ in range(_CHUNKS_A_DRAIN):
            if self._fd is None:
                return
            try:
                data = os.read(self._fd, _CHUNK)
            except BlockingIOError:
                return
            if not data:
                self._hang_up()
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        room = max(0, MAX_OUTPUT - len(self._kept))
        self._kept += data[:room]
        self._dropped += max(0, len(data) - room)

    def take(self) -> str:
        """Return what was kept since the last call, and say how much was not."""
        self.drain()
        text = self._kept.decode("utf-8", "replace")
        if self._dropped:
            text += f"\n[{self._dropped} more bytes were printed]"
        self._kept.clear()
        self._dropped = 0
        return text

    def close(self) -> None:
        """Take what is still there and close the descriptor; `take` still returns it."""
        self.drain()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
