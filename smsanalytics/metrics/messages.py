"""Stored columns + a moment, a zone and a horizon → the columns that metrics and people use."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import narwhals as nw
from narwhals.typing import IntoFrameT

from smsanalytics.codes import CODE_BITS, ERR_BITS, HLR_TYPE, NO_STATUS, TEST_MODE_ERR, TEXT_TYPES
from smsanalytics.metrics.counts import as_came, need

HORIZON = timedelta(hours=72)  #: by then nearly every delivery receipt has come; a message still open is stuck
SINCE = datetime(2003, 1, 1, tzinfo=UTC)  #: the provider is not older

HANDED_OUT = (
    "account", "message_id", "phone",
    "sent_at", "first_status_at", "accepted_at", "delivered_at", "read_at", "clicked_at", "failed_at", "last_status_at",
    "status", "err", "state", "contradictory", "delivery_seconds",
    "type", "parts", "cost", "sender", "operator", "mcc", "mnc", "country", "region", "tag",
)  # fmt: skip
STORED = (
    *(name for name in HANDED_OUT if name not in ("status", "err", "state", "contradictory", "delivery_seconds")),
    "opened_at", "delivered_code", "failed_code", "unknown_code", "open_code", "hlr", "test_mode",
)  # fmt: skip
AGE = ("matured", "age_seconds", "delivered_age_seconds")
CALENDAR = ("day", "hour", "weekday", "week", "month")


def prepare(
    messages: IntoFrameT,
    *,
    as_of: datetime,
    tz: str | ZoneInfo = "UTC",
    horizon: timedelta = HORIZON,
    since: datetime = SINCE,
) -> IntoFrameT:
    """
    Derive state, delivery time and local calendar columns of stored messages.

    A message is ``delivered`` if ever reported delivered (``contradictory`` marks those reported failed as well), else
    ``failed``, else ``unknown`` if its code is not in the table, else ``pending``, or ``stuck`` beyond the horizon.

    Parameters
    ----------
    messages : frame of any engine that narwhals reads, one row per message
        As stored under ``messages/``.
    as_of : datetime with a zone
        The moment at which a message is pending or stuck; not the wall clock, so that a figure can be made again.
    tz : str or ZoneInfo, default "UTC"
        Zone of the calendar columns.
    horizon : timedelta, default 72 hours
        A message of this age or more is matured.
    since : datetime with a zone, optional
        No message is older: spares changes of the zone's offset before.

    Returns
    -------
    frame of the same engine
        The columns of `HANDED_OUT`, and of the cohort time (``sent_at``, else ``first_status_at``), local in `tz`:
        ``day``, ``week`` (its Monday), ``month`` (its first day) : midnight, without zone.
        ``hour`` : of the day. [0..23]
        ``weekday`` : Monday is 1. [1..7]
        ``matured`` : whether the message was at least as old as the horizon.
        ``age_seconds`` : from the same start as ``delivery_seconds`` to `as_of`; missing without a start. [s]
        ``delivered_age_seconds`` : from the first report of delivery to `as_of`; missing without one. [s]

        ``failed_at`` : the last report of a failure; the other times are the first report of theirs.
        ``status`` : the latest of the class that decides the state; of several in the same second the largest code.
        ``err`` : of the status shown; 200 if any status reported that the account was in test mode.
        ``delivery_seconds`` : from ``sent_at``, else from the first open status, to the first report of delivery;
        missing without either, and when negative. [s]

        Seconds are differences of moments cut to whole seconds: 10 are more than 9 and less than 11 real seconds.

    Raises
    ------
    MissingColumns
        If a stored column is absent.

    Examples
    --------
    >>> import duckdb
    >>> connection = duckdb.connect().execute("SET TimeZone = 'UTC'")
    >>> stored = connection.read_parquet(f"{example_store}/messages/*/*.parquet")
    >>> messages = prepare(stored, as_of=datetime(2026, 11, 22, tzinfo=UTC), tz="Europe/Moscow")
    >>> messages.select("state, day, hour, delivery_seconds").order("hour").df()
           state        day  hour  delivery_seconds
    0  delivered 2026-11-21    10                 7
    1     failed 2026-11-21    23              <NA>
    """
    frame = need(messages, set(STORED))
    known = {name: ~nw.col(f"{name}_code").is_null() for name in ("delivered", "failed", "unknown")}
    text_type = nw.col("type").is_null() | nw.col("type").is_in(TEXT_TYPES)
    code, seconds = nw.col("_code"), nw.col("_seconds")
    frame = (
        frame.with_columns(
            _cohort=nw.coalesce("sent_at", "first_status_at"),
            _code=nw.coalesce("delivered_code", "failed_code", "unknown_code", "open_code"),
            _start=nw.coalesce("sent_at", "opened_at").dt.truncate("1s"),
        )
        .with_columns(
            _arrived=nw.col("delivered_at").dt.truncate("1s"),
            _now=nw.lit(as_of.replace(microsecond=0)),
        )
        .with_columns(
            _seconds=(nw.col("_arrived") - nw.col("_start")).dt.total_seconds(),
            age_seconds=(nw.col("_now") - nw.col("_start")).dt.total_seconds(),
            delivered_age_seconds=(nw.col("_now") - nw.col("_arrived")).dt.total_seconds(),
        )
        .pipe(nw.maybe_convert_dtypes)  # of pandas: where a time is missing, seconds are floats
        .with_columns(
            matured=nw.col("_cohort") <= nw.lit(as_of - horizon),
            _status=code // 2**ERR_BITS % 2 ** (CODE_BITS - ERR_BITS) + NO_STATUS,
            _err=code % 2**ERR_BITS - 1,
        )
        .with_columns(
            state=_first(
                [(known["delivered"], "delivered"), (known["failed"], "failed"), (known["unknown"], "unknown"),
                 (nw.col("matured"), "stuck")],
                otherwise="pending",
            ),
            status=nw.when(nw.col("_status") != NO_STATUS).then(nw.col("_status")).cast(nw.Int16),
            err=nw.when(nw.col("test_mode"))
            .then(nw.lit(TEST_MODE_ERR))
            .otherwise(nw.when(nw.col("_err") >= 0).then(nw.col("_err")))
            .cast(nw.Int32),
            contradictory=known["delivered"] & known["failed"],
            delivery_seconds=nw.when(seconds >= 0).then(seconds),
            type=nw.when(nw.col("hlr") & text_type).then(nw.lit(HLR_TYPE)).otherwise(nw.col("type")).cast(nw.Int16),
        )
    )  # fmt: skip
    frame = _with_calendar(frame, "_cohort", tz, since, as_of)
    return cast("IntoFrameT", as_came(frame.select(*HANDED_OUT, *CALENDAR, *AGE), messages))


def with_calendar(
    frame: IntoFrameT, at: str, *, tz: str | ZoneInfo = "UTC", since: datetime = SINCE, until: datetime | None = None
) -> IntoFrameT:
    """
    Add local calendar columns of a time, as `prepare` does for messages.

    Parameters
    ----------
    frame : frame of any engine that narwhals reads
        With the column `at`.
    at : str
        A time in UTC.
    tz : str or ZoneInfo, default "UTC"
        Zone of the calendar columns.
    since, until : datetime with a zone, optional
        All times lie between them: spares changes of the zone's offset elsewhere. By default until a year from now.

    Returns
    -------
    frame of the same engine
        With ``day``, ``hour``, ``weekday``, ``week`` and ``month`` added.

    Examples
    --------
    >>> import pandas as pd
    >>> calls = pd.DataFrame({"called_at": pd.to_datetime(["2026-11-21T22:30:00Z"])})
    >>> with_calendar(calls, "called_at", tz="Europe/Moscow")[["day", "hour", "weekday", "week"]]
             day  hour  weekday       week
    0 2026-11-22     1        7 2026-11-16
    """
    until = until or datetime.now(UTC) + timedelta(days=365)
    return cast("IntoFrameT", as_came(_with_calendar(need(frame, {at}), at, tz, since, until), frame))


def _with_calendar(frame: Any, at: str, tz: str | ZoneInfo, since: datetime, until: datetime) -> Any:
    local = nw.col("_local")
    first, last = (moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in (since, until))
    frame = frame.with_columns(_local=_local(nw.col(at), offsets(ZoneInfo(str(tz)), first, last + timedelta(days=2))))
    frame = frame.with_columns(
        day=local.dt.truncate("1d"),
        hour=local.dt.hour().cast(nw.Int16),
        weekday=local.dt.weekday().cast(nw.Int16),
        month=local.dt.truncate("1mo"),
    ).with_columns(week=nw.col("day") - nw.lit(timedelta(days=1)) * (nw.col("weekday").cast(nw.Int64) - 1))
    return frame.drop("_local")


def _first(cases: Sequence[tuple[nw.Expr, str]], *, otherwise: str) -> nw.Expr:
    """The word of the first case that holds."""
    word = nw.lit(otherwise)
    for condition, text in reversed(cases):
        word = nw.when(condition).then(nw.lit(text)).otherwise(word)
    return word


def _local(at: nw.Expr, periods: Sequence[tuple[datetime, timedelta]]) -> nw.Expr:
    """Local time without zone: UTC plus the zone's offset at that moment, which is integer arithmetic on any engine."""
    shift = nw.lit(periods[0][1])
    for since, offset in periods[1:]:
        shift = nw.when(at >= nw.lit(since)).then(nw.lit(offset)).otherwise(shift)
    return at.dt.replace_time_zone(None) + shift


@functools.lru_cache(64)
def offsets(zone: ZoneInfo, start: datetime, end: datetime) -> tuple[tuple[datetime, timedelta], ...]:
    """
    The zone's offsets from UTC between two moments, each with the moment it began to hold.

    Examples
    --------
    >>> start, end = datetime(2011, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    >>> for since, offset in offsets(ZoneInfo("Europe/Moscow"), start, end):
    ...     print(since, offset)
    2011-01-01 00:00:00+00:00 3:00:00
    2011-03-26 23:00:00+00:00 4:00:00
    2014-10-25 22:00:00+00:00 3:00:00
    """

    def offset_at(moment: datetime) -> timedelta:
        offset = moment.astimezone(zone).utcoffset()
        return offset if offset is not None else timedelta(0)

    found = [(start, offset_at(start))]
    day = timedelta(days=1)
    moment = start
    while moment < end:
        if offset_at(moment + day) != found[-1][1]:
            before, after = moment, moment + day
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) // 2
                middle = middle.replace(microsecond=0)
                before, after = (middle, after) if offset_at(middle) == found[-1][1] else (before, middle)
            found.append((after, offset_at(after)))
        moment += day
    return tuple(found)
