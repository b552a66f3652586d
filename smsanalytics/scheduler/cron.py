"""Cron expressions of five fields, and the local times that they name."""

from __future__ import annotations

from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

from smsanalytics.errors import UnknownName

FIELDS = "minute, hour, day of month, month, day of week"
_LEAST = timedelta(microseconds=1)


class Cron:
    """
    The times of a cron expression as a wall clock shows them, without a zone.

    A time that comes twice when clocks go back is one time, and a time that is skipped when they go forward has passed
    as soon as the clock shows a later one.

    Parameters
    ----------
    expression : str
        Minute, hour, day of month, month, day of week; ``*``, numbers, names, ranges, steps and lists, ``L`` for the
        last day of a month. 0 and 7 are Sunday. Only one of day of month and day of week may be restricted: cron would
        join them by "or".

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
        fields = expression.split()
        if len(fields) != 5:
            raise UnknownName(f"{expression!r} has {len(fields)} fields; cron has 5 ({FIELDS}), such as '0 8 * * mon'")
        if fields[2] != "*" and fields[4] != "*":
            raise UnknownName(f"{expression!r} restricts day of month and day of week; make two reports of it")
        self._expression = expression
        try:
            CronSim(expression, datetime(2026, 1, 1))  # noqa: DTZ001 - of a wall clock
        except CronSimError as error:
            field = str(error).removeprefix("Bad ").replace("-", " ")
            raise UnknownName(
                f"{expression!r}: the {field} is not one that cron has; the fields are {FIELDS}, each *, a number, a "
                "range such as 1-5, a step such as */2, or a list of these"
            ) from None

    def next(self, wall: datetime) -> datetime:
        """The first time at or after this one."""
        return next(CronSim(self._expression, wall - _LEAST))

    def latest(self, *, after: datetime, until: datetime) -> datetime | None:
        """The last time after one and not after the other; None if there is none."""
        found = next(CronSim(self._expression, until + _LEAST, reverse=True))
        return found if found > after else None
