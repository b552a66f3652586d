"""Room on the disk: what must stay free so that what was acknowledged can still be published, and what to say of it."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass

from smsanalytics.errors import JournalError
from smsanalytics.storage.catalog import Layout

SMALLEST_RESERVE, SHARE = 2**30, 0.05  #: bytes, and of the file system: the larger of the two is kept free

NO_SPACE = "no space is left on the device; free some, or enlarge it"
FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_IN_DUCKDB = ("No space left on device", "Disk quota exceeded", "failed to offload data block")


def reason(error: Exception) -> str:
    """
    Say why the disk, or DuckDB, did not let something be done; not in words of DuckDB, which may quote values.

    Examples
    --------
    >>> reason(OSError(errno.ENOSPC, "write"))
    'no space is left on the device; free some, or enlarge it'
    >>> reason(OSError(errno.EROFS, "write"))
    'Read-only file system'
    """
    if isinstance(error, OSError):
        return NO_SPACE if error.errno in FULL else os.strerror(error.errno or errno.EIO)
    return NO_SPACE if any(sign in str(error) for sign in FULL_IN_DUCKDB) else f"{type(error).__name__} in DuckDB"


@dataclass(frozen=True)
class Backlog:
    """Sealed segments that wait to be published: how many, their bytes, and the age of the oldest in seconds."""

    segments: int
    bytes: int
    seconds: float


class Space:
    """
    Tells whether more may be written.

    Parameters
    ----------
    layout : Layout
        Of the data directory.
    reserve : int, optional
        What must stay free; by default the larger of 1 GiB and 5 % of the file system. [bytes]
    max_backlog : int
        What may wait to be published. [bytes]
    every : float
        How long an answer holds; it costs some system calls. [s]
    """

    def __init__(self, layout: Layout, *, reserve: int | None, max_backlog: int, every: float = 1.0) -> None:
        self._layout, self._said_reserve, self._max_backlog, self._every = layout, reserve, max_backlog, every
        self._at, self._why = -every, ""

    def check(self) -> None:
        """
        Return if more may be written.

        Raises
        ------
        JournalError
            If the disk has no more than its reserve, or too much waits to be published.
        """
        now = time.monotonic()
        if now - self._at >= self._every:
            self._at, self._why = now, self._shortage()
        if self._why:
            raise JournalError(self._why)

    def _shortage(self) -> str:
        try:
            if self.free <= self.reserve:
                return f"the disk has less free than its reserve of {self.reserve // 2**20} MiB"
            if self.backlog().bytes > self._max_backlog:
                return f"more than {self._max_backlog // 2**20} MiB wait to be published; does the maintenance run?"
        except OSError as error:
            return f"the disk does not answer: {reason(error)}"
        return ""

    @property
    def free(self) -> int:
        """What the file system has for users other than root. [bytes]"""
        found = os.statvfs(self._layout.data)
        return found.f_bavail * found.f_frsize

    @property
    def reserve(self) -> int:
        """What must stay free. [bytes]"""
        if self._said_reserve is not None:
            return self._said_reserve
        found = os.statvfs(self._layout.data)
        return max(SMALLEST_RESERVE, int(found.f_blocks * found.f_frsize * SHARE))

    def backlog(self) -> Backlog:
        """What waits to be published, of all writers."""
        segments = size = 0
        oldest = time.time()
        for path in self._layout.journal.glob("*/*.sealed"):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # published meanwhile
            segments, size, oldest = segments + 1, size + found.st_size, min(oldest, found.st_mtime)
        return Backlog(segments, size, max(0.0, time.time() - oldest) if segments else 0.0)

    def quarantined(self) -> int:
        """Files of lines that a recovery could not read."""
        return sum(1 for _ in self._layout.journal.glob("*/quarantine/*.lines"))
