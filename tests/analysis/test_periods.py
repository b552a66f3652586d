from datetime import UTC, date, datetime

import pytest

from smsanalytics.analysis.periods import moment_of, period, zone_of
from smsanalytics.errors import UnknownName

SUNDAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("name", "today", "first", "after"),
    [
        ("today", SUNDAY, "2026-11-22", "2026-11-23"),
        ("yesterday", date(2026, 3, 1), "2026-02-28", "2026-03-01"),
        ("this-week", SUNDAY, "2026-11-16", "2026-11-23"),
        ("last-week", SUNDAY, "2026-11-09", "2026-11-16"),
        ("last-week", date(2026, 11, 23), "2026-11-16", "2026-11-23"),
        ("this-month", SUNDAY, "2026-11-01", "2026-12-01"),
        ("last-month", date(2026, 1, 31), "2025-12-01", "2026-01-01"),
        ("last-7-days", SUNDAY, "2026-11-15", "2026-11-22"),
        ("last-1-day", SUNDAY, "2026-11-21", "2026-11-22"),
        ("2026", SUNDAY, "2026-01-01", "2027-01-01"),
        ("2026-12", SUNDAY, "2026-12-01", "2027-01-01"),
        ("2024-02", SUNDAY, "2024-02-01", "2024-03-01"),
        ("2026-11-22", SUNDAY, "2026-11-22", "2026-11-23"),
    ],
)
def test_a_named_period_is_its_first_day_and_the_day_after_its_last(name, today, first, after):
    assert period(name, today=today) == (date.fromisoformat(first), date.fromisoformat(after))


@pytest.mark.parametrize(
    "name", ["", "lastweek", "2026-13", "2026-11-31", "0000", "9999", "last-0-days", "22.11.2026", "tomorrow\n"]
)
def test_what_names_no_period_is_refused_with_those_there_are(name):
    with pytest.raises(UnknownName, match="is no period; there are today, yesterday, this-week, last-week"):
        period(name, today=SUNDAY)


def test_a_date_is_its_midnight_in_the_zone_and_a_moment_with_a_zone_is_itself():
    moscow = zone_of("Europe/Moscow")
    assert moment_of(SUNDAY, moscow) == moment_of("2026-11-22", moscow) == datetime(2026, 11, 21, 21, tzinfo=UTC)
    assert moment_of("2026-11-22T00:00+05:00", moscow) == datetime(2026, 11, 21, 19, tzinfo=UTC)
    assert moment_of(None, moscow) is None
