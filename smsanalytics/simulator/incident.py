"""What goes wrong in a world: data that the making of messages and requests looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property


@dataclass(frozen=True)
class _Period:
    start: datetime
    end: datetime

    def covers(self, at: int) -> bool:
        """Whether it lasts at that moment. [Unix seconds]"""
        start, end = self._seconds
        return start <= at < end

    @cached_property
    def _seconds(self) -> tuple[float, float]:
        return self.start.timestamp(), self.end.timestamp()


@dataclass(frozen=True)
class Outage(_Period):
    """A network delivers almost nothing: messages expire, fail with err 11 or 12, or arrive when it is over."""

    operator: str


@dataclass(frozen=True)
class SpamFilter(_Period):
    """What a sender sends under a tag is taken for spam, and rejected (status 23, err 253)."""

    sender: str
    tag: str


@dataclass(frozen=True)
class Pumping(_Period):
    """
    Somebody who earns by it has codes sent to a range of numbers of one network; hardly anyone ever uses one.

    Attributes
    ----------
    operator : str
        The network.
    numbers : int
        The size of the range.
    messages, requests : int
        Beyond the traffic there is anyway.
    """

    operator: str
    numbers: int
    messages: int
    requests: int


Incident = Outage | SpamFilter | Pumping
