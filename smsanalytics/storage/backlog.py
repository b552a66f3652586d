"""What is acknowledged and not published yet: the lines of the journal, counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smsanalytics.storage.atomic import is_locked
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.rejected import REFUSED

MOST = 2**26  #: bytes of the journal that are read; a larger one has at least what is found in them
_AT_ONCE = 2**20


@dataclass(frozen=True)
class Waiting:
    """
    What waits to be published.

    Attributes
    ----------
    events : int
        Callbacks that were accepted, and rows that were reported.
    refused : int
        Callbacks that were refused.
    all_counted : bool
        Whether there are no more: of a large backlog only the first 64 MiB are counted.
    oldest_seconds : float
        For how long the oldest segment has been ready to be published; 0 where none is. [s]
    collecting : bool
        Whether some of it is in a segment that a process still writes, which seals it within its ``flush_seconds``.
    maintaining : bool
        Whether a maintenance runs, which publishes what is sealed.
    """

    events: int
    refused: int
    all_counted: bool
    oldest_seconds: float
    collecting: bool
    maintaining: bool

    def __bool__(self) -> bool:
        return bool(self.events or self.refused)


def waiting(layout: Layout, *, most: int = MOST) -> Waiting:
    """
    Count the lines of the journal, of which at most so many bytes are read.

    Examples
    --------
    >>> waiting(Layout(example_store))
    Waiting(events=0, refused=0, all_counted=True, oldest_seconds=0.0, collecting=False, maintaining=False)
    """
    lines = {True: 0, False: 0}
    left, now, since, collecting = most, time.time(), 0.0, False
    for writer in layout.slots():
        for segment in layout.segments(writer):
            path = layout.slot(writer) / segment.name
            try:
                if segment.state == "sealed":
                    since = max(since, now - path.stat().st_mtime)
                elif path.stat().st_size:
                    collecting = collecting or is_locked(layout.slot(writer))
                for block in _blocks(path):
                    left -= len(block)
                    if left < 0:
                        break
                    lines[bool(REFUSED.fullmatch(writer))] += block.count(b"\n")
            except FileNotFoundError:  # sealed or published in this moment
                continue
    return Waiting(lines[False], lines[True], left >= 0, since, collecting, is_locked(layout.data))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_AT_ONCE):
            yield block
