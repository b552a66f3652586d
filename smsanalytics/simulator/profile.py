"""When people send: by day more than by night, on weekdays more than on weekends."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from smsanalytics.simulator.odds import Odds

ZONE = ZoneInfo("Europe/Moscow")
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 10, 13, 14, 14, 13, 13, 13, 12, 12, 12, 11, 10, 9, 7, 5, 3)  #: weights by hour of day
WEEKDAYS = (10, 10, 10, 10, 10, 6, 4)  #: weights, from Monday on
HOUR = 3600


class Rhythm:
    """
    The hours of some time, each as likely as it is busy.

    Attributes
    ----------
    start, end : int
        Its first and last second. [Unix seconds]
    """

    def __init__(self, end: datetime, length: timedelta) -> None:
        self.start, self.end = int((end - length).timestamp()), int(end.timestamp())
        first = self.start - self.start % HOUR
        self._hours = Odds({hour: _weight(hour) for hour in range(first, self.end + 1, HOUR)})

    def moment(self, chance: random.Random) -> int:
        """Some second of it."""
        while True:
            at = self._hours.pick(chance) + int(chance.random() * HOUR)
            if self.start <= at <= self.end:
                return at


def _weight(hour: int) -> int:
    local = datetime.fromtimestamp(hour, ZONE)
    return HOURS[local.hour] * WEEKDAYS[local.weekday()]
