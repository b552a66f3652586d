"""Five fields of cron, as cron means them, and the local times that they name."""

from __future__ import annotations

import re
from bisect import bisect_right
from calendar import monthrange
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]

from smsanalytics.errors import UnknownName

MINUTE = timedelta(minutes=1)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # cron counts from Sunday, APScheduler from Monday
FIELDS = {  # in their order: first value, last value, and what names count from
    "minute": (0, 59, ()),
    "hour": (0, 23, ()),
    "day": (1, 31, ()),
    "month": (1, 12, ("", *MONTHS)),
    "day_of_week": (0, 7, DAYS),
}
PART = re.compile(
    r"(?:\*|(?P<first>[0-9]{1,2}|[a-z]{3})(?:-(?P<last>[0-9]{1,2}|[a-z]{3}))?)(?:/(?P<step>[1-9][0-9]?))?"
)


class Cron:
    """
    The times of a cron expression, as a clock on the wall shows them: without a zone.

    So a time that comes twice when clocks go back is one time, and one that is skipped when they go forward has passed
    as soon as the clock shows a later one. APScheduler's trigger in a zone fires twice in the first case.

    Parameters
    ----------
    expression : str
        Minute, hour, day of month, month, day of week; ``*``, numbers, names, ranges, steps and lists. 0 and 7 are
        Sunday. Only one of day of month and day of week may be restricted: cron would join them by "or".

    Raises
    ------
    UnknownName
        If it is no such expression, or names a day that never comes.

    Examples
    --------
    >>> mondays = Cron("0 8 * * 1")
    >>> mondays.next(datetime(2026, 11, 22, 12)).isoformat()
    '2026-11-23T08:00:00'
    >>> mondays.latest(after=datetime(2026, 10, 5, 8), until=datetime(2026, 11, 22, 12)).isoformat()
    '2026-11-16T08:00:00'
    """

    def __init__(self, expression: str) -> None:
        texts = expression.lower().split()
        if len(texts) != len(FIELDS):
            raise UnknownName(f"{expression!r} has {len(texts)} fields; cron has 5, such as '0 8 * * mon'")
        values = {name: _values(name, text) for name, text in zip(FIELDS, texts, strict=True)}
        if texts[2] != "*" and texts[4] != "*":
            raise UnknownName(f"{expression!r} restricts day of month and day of week; make two reports of it")
        if min(values["day"]) > max(monthrange(2024, month)[1] for month in values["month"]):
            raise UnknownName(f"{expression!r} names a day that never comes")
        names = {name: _said(name, found) for name, found in values.items()}
        self._trigger = CronTrigger(**names, timezone=UTC)

    def next(self, wall: datetime) -> datetime:
        """The first time at or after this one."""
        found: datetime = self._trigger.get_next_fire_time(None, wall.replace(tzinfo=UTC))
        return found.replace(tzinfo=None)

    def latest(self, *, after: datetime, until: datetime) -> datetime | None:
        """The last time after one and not after the other; None if there is none."""
        first = self.next(after + timedelta(microseconds=1))
        if first > until:
            return None
        minutes = range((until - first) // MINUTE + 1)
        found = bisect_right(minutes, until, key=lambda minute: self.next(first + minute * MINUTE))
        return self.next(first + (found - 1) * MINUTE)


def _values(name: str, text: str) -> set[int]:
    """The numbers that a field names."""
    lowest, highest, names = FIELDS[name]
    values: set[int] = set()
    for part in text.split(","):
        match = PART.fullmatch(part)
        if not match or (match["step"] and match["first"] and not match["last"]):
            raise _unreadable(name, part)
        first = _number(name, match["first"] or str(lowest), names)
        last = _number(name, match["last"], names) if match["last"] else (first if match["first"] else highest)
        if match["last"] == "sun":
            last = 7
        if not lowest <= first <= last <= highest:
            raise _unreadable(name, part)
        values.update(range(first, last + 1, int(match["step"] or 1)))
    return {value % 7 for value in values} if name == "day_of_week" else values


def _number(name: str, text: str, names: tuple[str, ...]) -> int:
    if text.isdigit():
        return int(text)
    if text not in names:
        raise _unreadable(name, text)
    return names.index(text)


def _said(name: str, values: set[int]) -> str:
    """The same for APScheduler."""
    if name == "day_of_week":
        return ",".join(DAYS[value] for value in sorted(values))
    return ",".join(map(str, sorted(values)))


def _unreadable(name: str, part: str) -> UnknownName:
    lowest, highest, _ = FIELDS[name]
    names = " (or mon to sun)" if name == "day_of_week" else ""
    return UnknownName(
        f"{part!r} is no {name.replace('_', ' ')} of cron; needed is one of {lowest} to {highest}{names}, a range such "
        f"as {lowest}-{highest}, * or */2, or a list of these"
    )
