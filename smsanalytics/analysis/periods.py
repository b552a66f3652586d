"""Days, moments and named periods, as people write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from smsanalytics.errors import UnknownName, UsageError

if TYPE_CHECKING:
    import numpy as np

Moment: TypeAlias = "str | date | datetime | np.datetime64"  #: pandas.Timestamp is a datetime
Zone = str | ZoneInfo

DAY = timedelta(days=1)
NAMES = ("today", "yesterday", "this-week", "last-week", "this-month", "last-month", "last-7-days", "last-30-days",
         "2026", "2026-11", "2026-11-22")  # fmt: skip


def zone_of(tz: Zone) -> ZoneInfo:
    """
    The time zone of that name, or the zone itself.

    Raises
    ------
    UnknownName
        If there is none.
    UsageError
        If it is no name and no zone that has one.

    Examples
    --------
    >>> zone_of("Europe/Moscow")
    zoneinfo.ZoneInfo(key='Europe/Moscow')
    """
    name = "UTC" if tz == UTC else getattr(tz, "key", tz)
    if not isinstance(name, str):
        raise UsageError.needs("tz", "a name such as 'Europe/Moscow' or a ZoneInfo with such a name", tz)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownName(f"there is no time zone {name!r}; an example is 'Europe/Moscow'") from None


def moment_of(moment: Moment | None, zone: ZoneInfo) -> datetime | None:
    """
    A moment in UTC; a date is its midnight, and one without a zone is in `zone`.

    Raises
    ------
    UnknownName
        If it is no ISO date.
    UsageError
        If it is no moment.

    Examples
    --------
    >>> moment_of("2026-11-22", ZoneInfo("Europe/Moscow")).isoformat()
    '2026-11-21T21:00:00+00:00'
    """
    if moment is None:
        return None
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:  # also 12.11.2026, which some would read as December
            raise UnknownName(f"{moment!r} is no date; an example is '2026-11-22'") from None
    moment = _plain(moment)
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - its zone follows
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise UnknownName(f"{moment.year} is too far from now") from None


def _plain(moment: Any) -> date:
    """A date or datetime of Python; NumPy and pandas are known by their words, for a collector does not import them."""
    if type(moment).__name__ == "datetime64":
        moment = moment.astype("datetime64[us]").item()
    if not isinstance(moment, date) or moment != moment:  # NaT does not equal itself
        raise UsageError.needs(
            "a moment", "a text such as '2026-11-22' or '2026-11-22T10:00+03:00', a date or a datetime", moment
        )
    return moment.to_pydatetime(warn=False) if hasattr(moment, "to_pydatetime") else moment


def period(name: str, *, today: date) -> tuple[date, date]:
    """
    The first day of a named period, and the day after its last.

    Parameters
    ----------
    name : str
        ``today``, ``yesterday``, ``this-week``, ``last-week`` (Monday to Sunday), ``this-month``, ``last-month``,
        ``last-N-days`` (they end yesterday), a year, a month or a day in ISO form.
    today : date
        As it is where the period is meant.

    Raises
    ------
    UnknownName
        If it names no period.

    Examples
    --------
    >>> first, after = period("last-week", today=date(2026, 11, 22))
    >>> print(first, after)
    2026-11-09 2026-11-16
    """
    monday, month = today - DAY * today.weekday(), today.replace(day=1)
    named = {
        "today": (today, today + DAY),
        "yesterday": (today - DAY, today),
        "this-week": (monday, monday + 7 * DAY),
        "last-week": (monday - 7 * DAY, monday),
        "this-month": (month, _next_month(month)),
        "last-month": ((month - DAY).replace(day=1), month),
    }
    if name in named:
        return named[name]
    if match := re.fullmatch(r"last-([1-9][0-9]{0,3})-days?", name):
        return today - DAY * int(match[1]), today
    try:
        if re.fullmatch(r"[0-9]{4}", name):
            return date(int(name), 1, 1), date(int(name) + 1, 1, 1)
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}", name):
            first = date.fromisoformat(f"{name}-01")
            return first, _next_month(first)
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", name):
            return date.fromisoformat(name), date.fromisoformat(name) + DAY
    except (ValueError, OverflowError):
        pass
    raise UnknownName(f"{name!r} is no period; there are {', '.join(NAMES)}")


def before(first: date, after: date) -> date:
    """
    The first day of the period of the same kind just before: as many months if it is of whole months, else days.

    Examples
    --------
    >>> print(before(date(2026, 3, 1), date(2026, 4, 1)), before(date(2026, 11, 16), date(2026, 11, 23)))
    2026-02-01 2026-11-09
    """
    if first.day == after.day == 1:
        months = (after.year - first.year) * 12 + after.month - first.month
        month = first.year * 12 + first.month - 1 - months
        return date(month // 12, month % 12 + 1, 1)
    return first - (after - first)


def _next_month(first: date) -> date:
    return (first + 31 * DAY).replace(day=1)
