from datetime import datetime, timedelta

import pytest

from smsanalytics.errors import UnknownName
from smsanalytics.scheduler.cron import Cron

wall = datetime.fromisoformat  # without a zone
MONDAY = wall("2026-11-16")
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def days(expression):
    """The weekdays of a week on which it comes."""
    cron, found, time = Cron(expression), [], MONDAY
    while (time := cron.next(time)) < MONDAY + timedelta(days=7):
        found.append(DAYS[time.weekday()])
        time += timedelta(minutes=1)
    return found


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("0", ["sun"]),
        ("7", ["sun"]),
        ("1", ["mon"]),
        ("6", ["sat"]),
        ("sun", ["sun"]),
        ("MON", ["mon"]),
        ("0,1", ["mon", "sun"]),
        ("0,7", ["sun"]),
        ("1-5", ["mon", "tue", "wed", "thu", "fri"]),
        ("mon-fri", ["mon", "tue", "wed", "thu", "fri"]),
        ("0-2", ["mon", "tue", "sun"]),
        ("5-7", ["fri", "sat", "sun"]),
        ("6-7", ["sat", "sun"]),
        ("sun-mon", ["mon", "sun"]),
        ("5#3", ["fri"]),
        ("1-5/2", ["mon", "wed", "fri"]),
        ("*/2", ["tue", "thu", "sat", "sun"]),
        ("1,wed-thu,7", ["mon", "wed", "thu", "sun"]),
        ("*", DAYS),
        ("0-7", DAYS),
    ],
)
def test_weekdays_are_those_of_cron(field, meant):
    assert days(f"0 8 * * {field}") == meant


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("0 8 * * *", ["11-16 08:00", "11-17 08:00"]),
        ("*/30 * * * *", ["11-16 00:00", "11-16 00:30", "11-16 01:00"]),
        ("5,35 1-2 * * *", ["11-16 01:05", "11-16 01:35", "11-16 02:05", "11-16 02:35", "11-17 01:05"]),
        ("0 */12 * * *", ["11-16 00:00", "11-16 12:00", "11-17 00:00"]),
        ("0 0 1 * *", ["12-01 00:00", "01-01 00:00"]),
        ("0 0 31 * *", ["12-31 00:00", "01-31 00:00", "03-31 00:00"]),
        ("0 0 29 feb *", ["02-29 00:00"]),
        ("0 0 1 JAN,jul *", ["01-01 00:00", "07-01 00:00"]),
        ("0 0 1 nov-12 *", ["12-01 00:00", "11-01 00:00"]),
        ("0 0 */10 * *", ["11-21 00:00", "12-01 00:00", "12-11 00:00"]),
        ("\t0  0 1 * * ", ["12-01 00:00"]),
        ("0 0 L * *", ["11-30 00:00", "12-31 00:00", "01-31 00:00", "02-28 00:00"]),
        ("5/20 1 * * *", ["11-16 01:05", "11-16 01:25", "11-16 01:45", "11-17 01:05"]),
        ("0 8 * jan *", ["01-01 08:00", "01-02 08:00"]),
    ],
)
def test_other_fields_too(expression, times):
    cron, found, time = Cron(expression), [], MONDAY
    for _ in times:
        time = cron.next(time)
        found.append(f"{time:%m-%d %H:%M}")
        time += timedelta(minutes=1)
    assert found == times


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 8 * *", "has 4 fields; cron has 5"),
        ("0 0 8 * * mon", "has 6 fields"),
        ("@weekly", "has 1 fields"),
        ("", "has 0 fields"),
        *(
            (f"{minute} * * * *", "the minute is not one")
            for minute in ("60", "*/0", "1-1000", "30-10", "-1", "1,", "١", "H")
        ),
        ("0 24 * * *", "the hour is not one"),
        *((f"0 8 {day} * *", "the day of month is not one") for day in ("0", "32", "jan", "last")),
        *((f"0 8 * {month} *", "the month is not one") for month in ("13", "mon", "january")),
        *(
            (f"0 8 * * {day}", "the day of week is not one")
            for day in ("8", "monday", "mon5", "fri-mon", "sat-sun", "mo")
        ),
        ("0 8 13 * fri", "restricts day of month and day of week; make two reports"),
        ("0 8 */2 * fri", "restricts day of month and day of week"),
        ("0 8 30 2 *", "the day of month is not one"),
        ("0 8 31 4,6,9,nov *", "the day of month is not one"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_field_that_is_wrong(expression, words):
    with pytest.raises(UnknownName, match=words):
        Cron(expression)


@pytest.mark.parametrize("expression", ["* * * * *", "*/7 3 * * *", "0 8 * * mon", "0 0 29 2 *", "59 23 31 12 *"])
def test_the_latest_of_many_is_the_last_of_all(expression):
    cron = Cron(expression)
    after = wall("2026-10-05T07:59:30")
    for until in (after + timedelta(minutes=minutes) for minutes in (0, 1, 17, 1440, 1441, 10_081)):
        every, time = [], after
        while (time := cron.next(time + timedelta(seconds=1))) <= until:
            every.append(time)
        assert cron.latest(after=after, until=until) == (every[-1] if every else None)


def test_a_time_is_done_once_it_is_reached():
    daily, eight = Cron("0 8 * * *"), wall("2026-11-16T08:00")
    second = timedelta(seconds=1)
    assert daily.latest(after=eight - second, until=eight) == eight
    assert daily.latest(after=eight, until=eight) is None
    assert daily.latest(after=eight, until=eight - second) is None
    assert daily.latest(after=eight, until=eight + timedelta(hours=23, minutes=59)) is None


def test_decades_of_downtime_take_no_time():
    latest = Cron("* * * * *").latest(after=wall("1996-01-01"), until=wall("2026-11-16T08:00:30"))
    assert latest == wall("2026-11-16T08:00")
